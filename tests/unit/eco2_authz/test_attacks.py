"""The attack list: 17 groups, all of them refused.

What an issuer of keys may try is in test_keys_jwk.py and test_keys_remote.py; two headers and two cookies are in
test_examine.py. Faults of other libraries, and the groups that would show them here:
PyJWT CVE-2026-48526 (a JWK as the secret) 2, CVE-2026-48525 (unbounded base64) 14, PYSEC-2026-177 (unknown kids) 16,
PYSEC-2026-178 (b64: false) 6, PYSEC-2026-176 (a key's algorithm) 16, CVE-2026-32597 (crit) 6, GHSA-75c5-xw7c-p5pm (a
part of the issuer) 10, CVE-2026-48522 (file:// for keys) test_keys_remote.py; Authlib CVE-2026-27962 (jwk in the
header) 5, CVE-2025-61920 (size) 14, CVE-2025-59420 (crit) 6; python-jose CVE-2024-33663 (DER as the secret) 2; orjson
CVE-2024-27454 (depth) 14; CVE-2022-21449 (r = s = 0) 13.
"""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.unit.eco2_authz.issuer import issuing
from tests.unit.eco2_authz.tokens import (
    ASYMMETRIC,
    AUDIENCE,
    HS256,
    ISSUER,
    NOW,
    PUBLIC_KEYS,
    SECRET,
    SYMMETRIC,
    PrivateKey,
    algorithm,
    b64,
    claims,
    compact,
    document,
    ec_jwk,
    ec_key,
    jwks,
    outcome,
    rsa_jwk,
    rsa_key,
    signature,
    token,
)

from eco2_authz.check import UnknownKey, Verified, verify
from eco2_authz.decision import Reason
from eco2_authz.errors import KeysUnavailable
from eco2_authz.keys.keyset import KeySet
from eco2_authz.keys.remote import RemoteKeys, Times
from eco2_authz.policy import Policy

KEYS: dict[str, tuple[PrivateKey, Policy]] = {
    "HS256": (SECRET, SYMMETRIC),
    "RS256": (rsa_key(), ASYMMETRIC),
    "ES256": (ec_key(), ASYMMETRIC),
}
HEADER = {"alg": "HS256", "typ": "JWT"}
BOTH = pytest.mark.parametrize(("key", "policy"), list(KEYS.values()), ids=list(KEYS))


def passes(text: str, policy: Policy = SYMMETRIC, keys: KeySet | None = None) -> bool:
    if keys is None:
        keys = KeySet.of_secret(SECRET) if policy.algorithms == HS256 else jwks()
    found = verify(text, keys, policy, NOW)
    return isinstance(found, Verified)


def refused(text: str, reason: Reason = Reason.MALFORMED, **more: Any) -> None:
    decision = outcome(text, **more)
    assert not decision.allowed
    assert decision.reason is reason


def unsigned(header: dict[str, Any]) -> str:
    return f"{b64(compact(header))}.{b64(compact(claims()))}"


@BOTH
def test_the_same_without_an_attack_passes(key: PrivateKey, policy: Policy) -> None:
    assert passes(token(key=key), policy=policy)


# -- 1: no algorithm -----------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "none ", "", "null", "hs256", "Rs256", "HS256 "])
@pytest.mark.parametrize("end", ["", ".", ".AA", ".signed"])
def test_01_no_algorithm(key: PrivateKey, policy: Policy, alg: str, end: str) -> None:
    head = unsigned({"alg": alg})
    refused(head + (f".{b64(signature(head.encode(), key))}" if end == ".signed" else end), policy=policy)


# -- 2: a public key as the secret ---------------------------------------------------------------------------------

_PUBLIC = rsa_key().public_key()
_PEM = _PUBLIC.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
CONFUSED = {
    "pem": _PEM,
    "pem-without-its-last-line-end": _PEM.rstrip(),
    "pem-after-whitespace": b" \n\t" + _PEM,
    "pem-pkcs1": _PUBLIC.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
    "der": _PUBLIC.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    "jwk": compact(rsa_jwk(rsa_key())),
    "jwks": document(rsa_jwk(rsa_key())),
    "modulus": base64.urlsafe_b64decode(rsa_jwk(rsa_key())["n"] + "=="),
    "ssh": _PUBLIC.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
}


@pytest.mark.parametrize("secret", CONFUSED.values(), ids=CONFUSED)
@pytest.mark.parametrize("alg", ["HS256", "HS384", "RS256"])
def test_02_a_public_key_as_the_secret(secret: bytes, alg: str) -> None:
    wanted = Reason.BAD_SIGNATURE if alg == "RS256" else Reason.MALFORMED
    refused(token(key=secret, header={"alg": alg, "kid": "r1"}), wanted, policy=ASYMMETRIC)


@pytest.mark.parametrize("secret", [CONFUSED[name] for name in CONFUSED if name not in ("der", "modulus")])
def test_02_a_public_key_configured_as_the_secret(secret: bytes) -> None:
    with pytest.raises(KeysUnavailable):
        KeySet.of_secret(secret)


@pytest.mark.parametrize("key", [rsa_key(), ec_key()])
def test_02_a_private_key_for_a_server_with_a_secret(key: PrivateKey) -> None:
    refused(token(key=key))


# -- 3: blank signatures and keys ----------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("size", [0, 1, 31, 32, 63, 64, 255, 256, 512])
def test_03_blank_signatures(key: PrivateKey, policy: Policy, size: int) -> None:
    head = token(key=key).rpartition(".")[0]
    refused(f"{head}.{b64(bytes(size))}", Reason.BAD_SIGNATURE if size else Reason.MALFORMED, policy=policy)


@BOTH
@pytest.mark.parametrize("blank", [b"", b"\0", bytes(32), b" " * 32, b"null", b"undefined"])
def test_03_blank_keys(key: PrivateKey, policy: Policy, blank: bytes) -> None:
    text = token(key=blank)
    refused(text, Reason.BAD_SIGNATURE if policy is SYMMETRIC else Reason.MALFORMED, policy=policy)


# -- 4: names of keys ----------------------------------------------------------------------------------------------

NAMES: list[Any] = [
    "../../../../dev/null",
    "/dev/null",
    "file:///dev/null",
    "x' UNION SELECT '1",
    "\"'1'\"",
    "|sleep 5",
    "$(id)",
    "`id`",
    "http://evil.example/key",
    "\0",
    "r1\0",
    " r1",
    "R1",
    "",
    "k" * 256,
]
NO_NAMES: list[Any] = ["k" * 257, "k" * 65_536, ["r1"], {"r1": 1}, 1, 0, 1.5, True, None]


@pytest.mark.parametrize("kid", NAMES, ids=ascii)
@pytest.mark.parametrize("secret", [b"", b"\0", bytes(32)], ids=["empty", "nul", "nuls"])
def test_04_names_of_keys_that_mean_something_elsewhere(kid: str, secret: bytes) -> None:
    refused(token(key=secret, kid=kid), Reason.BAD_SIGNATURE)
    refused(token(key=secret, header={"alg": "RS256", "kid": kid}), Reason.UNKNOWN_KEY, policy=ASYMMETRIC)
    refused(token(key=rsa_key(), kid=kid), Reason.UNKNOWN_KEY, policy=ASYMMETRIC)


@pytest.mark.parametrize("kid", NO_NAMES, ids=lambda kid: ascii(kid)[:20])
@BOTH
def test_04_names_of_keys_that_are_none(key: PrivateKey, policy: Policy, kid: object) -> None:
    refused(token(key=key, header={"alg": algorithm(key)[0], "kid": kid}), policy=policy)


# -- 5: tokens that bring their key --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c", "x5t", "x5t#S256"])
@pytest.mark.parametrize("kid", ["r1", "evil", None])
async def test_05_a_token_that_brings_its_key(name: str, kid: str | None) -> None:
    mine = rsa_key("evil")
    async with issuing() as evil:
        evil.publishes("evil")
        values: dict[str, Any] = {"jwk": rsa_jwk(mine, "evil"), "x5c": [b64(_PEM)]}
        header = {"alg": "RS256", name: values.get(name, evil.url())} | ({"kid": kid} if kid else {})
        found = verify(token(key=mine, header=header), jwks(), ASYMMETRIC, NOW)
        assert not isinstance(found, Verified)
        assert isinstance(found, UnknownKey) is (kid == "evil")
        refused(token(header=HEADER | {name: values.get(name, evil.url())}, key=bytes(32)), Reason.BAD_SIGNATURE)
        assert evil.requests == []


# -- 6: extensions -------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    "more",
    [
        {"crit": []},
        {"crit": ["exp"]},
        {"crit": ["b64"], "b64": False},
        {"crit": ["b64"], "b64": True},
        {"crit": None},
        {"crit": "b64"},
        {"crit": ["x"], "x": 1},
        {"b64": False},
        {"b64": True},
        {"b64": None},
        {"zip": "DEF"},
        {"zip": ""},
    ],
    ids=ascii,
)
def test_06_extensions(key: PrivateKey, policy: Policy, more: dict[str, Any]) -> None:
    refused(token(key=key, **more), policy=policy)


def test_06_an_unencoded_payload() -> None:
    head = f"{b64(compact(HEADER | {'b64': False, 'crit': ['b64']}))}.{compact(claims()).decode()}"
    refused(f"{head}.{b64(signature(head.encode(), SECRET))}")


# -- 7: other forms ------------------------------------------------------------------------------------------------

_GOOD = token()
_H, _P, _S = _GOOD.split(".")
FORMS = {
    "jwe": ".".join([b64(compact({"alg": "dir", "enc": "A128GCM"})), "", "AAAA", "AAAA", "AAAA"]),
    "jwe-of-a-good-header": f"{_H}..AAAA.{_P}.{_S}",
    "json-flattened": json.dumps({"protected": _H, "payload": _P, "signature": _S}),
    "json-general": json.dumps({"payload": _P, "signatures": [{"protected": _H, "signature": _S}]}),
    "json-in-parts": f'{{"protected":"{_H}"}}.{_P}.{_S}',
    "detached": f"{_H}..{_S}",
    "nested": token(_GOOD.encode(), header=HEADER | {"cty": "JWT"}),
    "two-parts": f"{_H}.{_P}",
    "four-parts": f"{_GOOD}.{_S}",
    "dot-before": f".{_GOOD}",
    "dot-after": f"{_GOOD}.",
    "two-tokens": f"{_GOOD},{_GOOD}",
    "quoted": f'"{_GOOD}"',
    "bearer-twice": f"Bearer {_GOOD}",
}


@pytest.mark.parametrize("name", FORMS)
def test_07_other_forms(name: str) -> None:
    refused(FORMS[name], Reason.BAD_SIGNATURE if name == "detached" else Reason.MALFORMED)


def test_07_a_token_in_a_token() -> None:
    refused(token(_GOOD.encode()), Reason.BAD_CLAIMS)


@pytest.mark.parametrize("typ", ["JWE", "jwe", "logout+jwt", "secevent+jwt", "dpop+jwt", "JOSE+JSON", "", 1, None])
def test_07_other_types(typ: object) -> None:
    refused(token(header=HEADER | {"typ": typ}))


# -- 8: the same name twice ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sub", "exp", "jti", "aud", "iss", "type", "nbf", "x"])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("space", [b"", b" "])
def test_08_a_claim_twice(name: str, first: bool, space: bytes) -> None:
    all_of_them = claims(x=1, nbf=0)
    good, other = compact(all_of_them), compact({name: all_of_them[name]})[1:-1]
    twice = b"{" + other + b"," + space + good[1:] if first else good[:-1] + b"," + space + other + b"}"
    refused(token(twice), Reason.BAD_CLAIMS)


def test_08_a_claim_twice_in_two_spellings() -> None:
    refused(token(compact(claims())[:-1] + b',"\\u0073ub":"admin"}'), Reason.BAD_CLAIMS)


@pytest.mark.parametrize("more", [b'"alg":"none"', b'"alg":"HS256"', b'"kid":"r1","kid":"r2"', b'"al\\u0067":"none"'])
def test_08_a_parameter_twice(more: bytes) -> None:
    refused(token(header=b'{"alg":"HS256",' + more + b"}"))
    refused(token(header=b"{" + more + b',"alg":"HS256"}'))


# -- 9: times ------------------------------------------------------------------------------------------------------

NO_TIMES = [b'"1800000000"', b"true", b"false", b"null", b"[]", b"{}", b"-1", b"-0.1", b"9223372036854775808", b"1e300"]
NO_NUMBERS = [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"0x7fffffff", b"1_800_000_000", b"9" * 4000, b"01"]


@pytest.mark.parametrize("value", NO_TIMES + NO_NUMBERS, ids=lambda value: value[:20].decode())
@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
def test_09_times_that_are_none(name: str, value: bytes) -> None:
    rest = compact(claims(**{name: None}))[:-1]
    refused(token(rest + f',"{name}":'.encode() + value + b"}"), Reason.BAD_CLAIMS)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": None}, Reason.BAD_CLAIMS),
        ({"exp": 0}, Reason.EXPIRED),
        ({"exp": NOW - 5}, Reason.EXPIRED),
        ({"exp": NOW - 5.001}, Reason.EXPIRED),
        ({"exp": NOW // 1000}, Reason.EXPIRED),
        ({"nbf": NOW + 6}, Reason.NOT_YET_VALID),
        ({"nbf": NOW + 5.001}, Reason.NOT_YET_VALID),
        ({"iat": NOW + 6}, Reason.NOT_YET_VALID),
        ({"iat": NOW * 1000}, Reason.BAD_CLAIMS),
        ({"exp": NOW * 1000}, Reason.BAD_CLAIMS),
    ],
    ids=str,
)
def test_09_times_at_the_wrong_time(changes: dict[str, Any], reason: Reason) -> None:
    refused(token(claims(**changes)), reason)


def test_09_the_edge_of_the_leeway_passes() -> None:
    assert passes(token(claims(exp=NOW - 4, nbf=NOW + 5, iat=NOW + 5)))
    assert not passes(token(claims(exp=NOW)), policy=Policy(algorithms=HS256, leeway=0))


# -- 10: issuer and audience ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        ISSUER[:-1],
        f"{ISSUER}/",
        f"{ISSUER}.evil.example",
        ISSUER.upper(),
        [ISSUER],
        [ISSUER, "x"],
        {ISSUER: 1},
    ],
    ids=str,
)
def test_10_another_issuer(value: object) -> None:
    refused(token(claims(iss=value)), Reason.BAD_CLAIMS)


@pytest.mark.parametrize(
    "value",
    [None, "", "eco", "eco22", "ECO2", "x,eco2", [], ["x"], ["eco22"], [["eco2"]], ["eco2", 1], {"eco2": 1}, 1, True],
    ids=str,
)
def test_10_another_audience(value: object) -> None:
    refused(token(claims(aud=value)), Reason.BAD_CLAIMS)


def test_10_the_audience_in_a_list_passes() -> None:
    assert passes(token(claims(aud=["x", AUDIENCE])))


# -- 11: ids -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "jti",
    [
        None,
        "",
        1,
        0,
        True,
        ["a"],
        {"a": 1},
        "x" * 257,
        "x" * 5000,
        "*",
        "a*",
        "?",
        "[a-z]",
        "a\\*",
        "a\r\nDEL blacklist:x",
        "a\n",
        "a b",
        "a\0",
        "é",
        "a\u2028",
    ],
    ids=lambda jti: ascii(jti)[:20],
)
def test_11_ids(jti: object) -> None:
    refused(token(claims(jti=jti)), Reason.BAD_CLAIMS)


# -- 12: base64url -------------------------------------------------------------------------------------------------


def _misspelled() -> dict[str, str]:
    standard = token(claims(jti="??>>~~" * 3))
    part = standard.split(".")[1]
    assert "-" in part or "_" in part
    return {
        "padded-header": f"{_H}=.{_P}.{_S}",
        "padded-payload": f"{_H}.{_P}==.{_S}",
        "padded-signature": f"{_GOOD}=",
        "standard-alphabet": standard.replace("-", "+").replace("_", "/"),
        "space": f"{_H}. {_P}.{_S}",
        "line-end": f"{_GOOD}\n",
        "line-end-within": f"{_H}.{_P[:8]}\r\n{_P[8:]}.{_S}",
        "tab": f"{_GOOD}\t",
        "nul": f"{_GOOD}\0",
        "unused-bits-of-the-signature": _GOOD[:-1] + chr(ord(_GOOD[-1]) + 1),
        "impossible-length": f"{_H}.{_P}.{_S}AA",
        "non-ascii": f"{_GOOD[:-1]}é",
        "full-width": f"{_H}.{_P}.{_S[:-1]}Ａ",
        "percent-encoded": _GOOD.replace(".", "%2E"),
        "empty-header": f".{_P}.{_S}",
        "lone-surrogate": f"{_GOOD}\ud800",
    }


@pytest.mark.parametrize("name", (MISSPELLED := _misspelled()))
def test_12_base64url(name: str) -> None:
    refused(MISSPELLED[name])


@pytest.mark.parametrize("part", [0, 1])
def test_12_misspelled_and_then_signed(part: int) -> None:
    parts = [b64(compact(HEADER)), b64(compact(claims()))]
    for spelling in ("=", "==", "\n", " ", "A" if len(parts[part]) % 4 == 0 else "="):
        wrong = [*parts]
        wrong[part] += spelling
        head = ".".join(wrong)
        refused(f"{head}.{b64(signature(head.encode(), SECRET))}")


# -- 13: signatures without a key ----------------------------------------------------------------------------------

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.parametrize("r", [0, 1, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1], ids=hex)
@pytest.mark.parametrize("s", [0, 1, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1], ids=hex)
def test_13_numbers_that_sign_anything(r: int, s: int) -> None:
    head = token(key=ec_key()).rpartition(".")[0]
    refused(f"{head}.{b64(r.to_bytes(32) + s.to_bytes(32))}", Reason.BAD_SIGNATURE, policy=ASYMMETRIC)


# -- 14: too much --------------------------------------------------------------------------------------------------

_ROOM = 5_900
"""Bytes of a payload that a token has room for."""
TOO_MUCH = {
    "a byte too much": token(claims(x="x" * 8192)),
    "header of half a megabyte": token(header=HEADER | {"x": "x" * 500_000}),
    "500 kilobytes of dots": "." * 500_000,
    "a million digits": token(compact(claims())[:-1] + b',"x":' + b"9" * 1_000_000 + b"}"),
    "a hundred thousand brackets": token(b"[" * 100_000),
}
DEEP = {
    "brackets": b"[" * _ROOM,
    "objects": b'{"a":' * (_ROOM // 5),
    "closed objects": b'{"a":' * 900 + b"1" + b"}" * 900,
    "closed objects, not too deep to be read": b'{"a":' * 300 + b"1" + b"}" * 300,
    "closed objects beside good claims": compact(claims())[:-1] + b',"x":' + b"[" * 300 + b"]" * 300 + b"}",
    "digits": compact(claims(exp=None))[:-1] + b',"exp":' + b"9" * (_ROOM - 300) + b"}",
    "digits after a point, and nothing else": b'{"exp":0.' + b"9" * (_ROOM - 300) + b"}",
    "the same name a thousand times": b"{" + b",".join([b'"a":1'] * 900) + b"}",
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_14_too_large(name: str) -> None:
    refused(TOO_MUCH[name])


@pytest.mark.parametrize("name", DEEP)
def test_14_too_deep_or_too_long(name: str) -> None:
    assert len(token(DEEP[name])) <= 8192
    refused(token(DEEP[name]), Reason.BAD_CLAIMS)
    refused(token(header=DEEP[name][: _ROOM - 200]))


def test_14_the_largest_token_passes() -> None:
    size = next(size for size in range(5500, 6100) if len(token(claims(x="x" * size))) == 8192)
    assert passes(token(claims(x="x" * size)))
    assert not passes(token(claims(x="x" * (size + 1))))


# -- 15: text that is none -----------------------------------------------------------------------------------------

ENCODINGS = {
    "byte-order-mark": lambda text: b"\xef\xbb\xbf" + text,
    "utf-16": lambda text: text.decode().encode("utf-16"),
    "utf-16-be": lambda text: text.decode().encode("utf-16-be"),
    "utf-32": lambda text: text.decode().encode("utf-32"),
    "lone-surrogate-escaped": lambda text: text[:-1] + b',"x":"\\ud800"}',
    "lone-low-surrogate-escaped": lambda text: text[:-1] + b',"x":"\\udc00x"}',
    "lone-surrogate-encoded": lambda text: text[:-1] + b',"x":"\xed\xa0\x80"}',
    "lone-surrogate-in-a-name": lambda text: text[:-1] + b',"\\ud800":1}',
    "overlong": lambda text: text[:-1] + b',"x":"\xc0\xaf"}',
    "latin-1": lambda text: text[:-1] + b',"x":"\xe9"}',
    "nul-after": lambda text: text + b"\0",
    "nul-within": lambda text: text[:-1] + b',"x":"\0"}',
    "text-after": lambda text: text + b"{}",
    "comment": lambda text: text + b"/**/",
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_15_text_that_is_none(name: str) -> None:
    refused(token(ENCODINGS[name](compact(claims()))), Reason.BAD_CLAIMS)
    refused(token(header=ENCODINGS[name](compact(HEADER))))


# -- 16: keys ------------------------------------------------------------------------------------------------------


def test_16_a_known_name_with_another_algorithm() -> None:
    refused(token(key=rsa_key(), kid="e1"), Reason.UNKNOWN_KEY, policy=ASYMMETRIC)
    refused(token(key=ec_key(), kid="r1"), Reason.UNKNOWN_KEY, policy=ASYMMETRIC)
    refused(token(key=SECRET, kid="r1"), policy=ASYMMETRIC)
    for alg in ("RS384", "RS512", "PS256", "ES384", "EdDSA", "ES256K"):
        refused(token(key=rsa_key(), header={"alg": alg, "kid": "r1"}), policy=ASYMMETRIC)


WRONG_KEYS: dict[str, list[dict[str, Any]]] = {
    "for-encryption": [rsa_jwk(rsa_key("r2"), use="enc")],
    "for-another-operation": [rsa_jwk(rsa_key("r2"), key_ops=["encrypt"])],
    "for-another-algorithm": [rsa_jwk(rsa_key("r2"), alg="RS512")],
    "short": [rsa_jwk(rsa_key("r2", 1024))],
    "exponent-of-one": [rsa_jwk(rsa_key("r2"), e="AQ")],
    "two-of-a-name": [rsa_jwk(rsa_key("r2")), rsa_jwk(rsa_key("r3"))],
    "private": [rsa_jwk(rsa_key("r2"), d="AQAB")],
}


@pytest.mark.parametrize("name", WRONG_KEYS)
def test_16_keys_that_are_not_to_be_used(name: str) -> None:
    text = token(key=rsa_key("r2", 1024) if name == "short" else rsa_key("r2"))
    try:
        keys = jwks(*WRONG_KEYS[name], ec_jwk(ec_key()))
    except KeysUnavailable:
        keys = jwks(ec_jwk(ec_key()))
    assert not passes(text, policy=ASYMMETRIC, keys=keys)


def test_16_a_shared_secret_among_public_keys() -> None:
    keys = jwks({"kty": "oct", "k": b64(SECRET), "alg": "HS256", "kid": "o1"}, rsa_jwk(rsa_key()))
    for header in (HEADER | {"kid": "o1"}, HEADER | {"kid": "r1"}, HEADER):
        refused(token(header=header), policy=ASYMMETRIC, keys=keys)


async def test_16_a_flood_of_names() -> None:
    async with issuing() as issuer:
        source = RemoteKeys(issuer.url(), PUBLIC_KEYS, times=Times(cool_down=60.0))
        await source.start()
        await source._read()
        for number in range(500):
            found = verify(token(key=rsa_key(), kid=f"k{number}"), source.current, ASYMMETRIC, NOW)
            assert isinstance(found, UnknownKey)
            await source.refetch(found.kid)
        assert len(issuer.requests) == 1
        assert passes(token(key=rsa_key()), policy=ASYMMETRIC, keys=source.current)
        await source.stop()


# -- 17: subjects --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "a\r\nx-user-id: admin",
        "a\n",
        "\ra",
        "a\0",
        "a,b",
        ",",
        " ",
        "a b",
        "a\tb",
        "\x7f",
        "é",
        "관리자",
        "a" * 129,
        "",
    ],
    ids=lambda value: ascii(value)[:24],
)
@pytest.mark.parametrize("name", ["sub", "provider"])
def test_17_names_that_would_become_bad_headers(name: str, value: str) -> None:
    refused(token(claims() | {name: value}), Reason.BAD_CLAIMS)


@pytest.mark.parametrize("value", [1, True, None, ["a"], {"a": 1}, 1.5], ids=str)
@pytest.mark.parametrize("name", ["sub", "provider"])
def test_17_names_that_are_no_text(name: str, value: object) -> None:
    refused(token(claims() | {name: value}), Reason.BAD_CLAIMS)
