"""What is in tokens, and which are believed."""

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import RSAKey
from support.auth import ACCESS_TTL, AUDIENCE, ISSUER, REFRESH_TTL, Clock, FixedKeys, part, tokens

from eco2_auth.errors import InvalidToken
from eco2_auth.keys.shared_secret import SharedSecret
from eco2_auth.tokens import LEEWAY_SECONDS, LONGEST, Tokens, TokenType

FAMILY = "f" * 32
SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def keys(pems: tuple[str, str, str]) -> FixedKeys:
    return FixedKeys(*pems[:2])


@pytest.fixture
def maker(keys: FixedKeys, clock: Clock) -> Tokens:
    return tokens(keys, clock)


def forged(keys: FixedKeys, token: str, *, number: int = 0, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """The token with other claims, signed by one of the keys."""
    key = keys.bundle[number]
    assert isinstance(key.value, RSAKey)
    assert key.value.private_key is not None
    present = {name: value for name, value in {**part(token, 1), **claims}.items() if value is not None}
    return jwt.encode(
        present, key.value.private_key, algorithm="RS256", headers={"kid": key.kid} if header is None else header
    )


async def refused(maker: Tokens, token: str, wanted: TokenType = "access") -> str:
    with pytest.raises(InvalidToken) as error:
        await maker.verify(token, wanted)
    return error.value.reason


async def test_what_is_in_them(maker: Tokens, keys: FixedKeys, clock: Clock) -> None:
    pair = maker.draw("user-1", "kakao", FAMILY)
    now = int(clock())
    common = {"iss": ISSUER, "aud": AUDIENCE, "sub": "user-1", "provider": "kakao", "iat": now, "nbf": now}
    access, refresh = part(pair.access, 1), part(pair.refresh, 1)
    assert access == {**common, "type": "access", "exp": now + ACCESS_TTL, "jti": access["jti"]}
    assert refresh == {
        **common, "type": "refresh", "exp": now + REFRESH_TTL, "jti": refresh["jti"], "family": FAMILY,
    }  # fmt: skip
    assert access["jti"] != refresh["jti"]
    assert part(pair.access, 0) == {"alg": "RS256", "kid": keys.bundle[0].kid, "typ": "JWT"}
    assert (await maker.verify(pair.access, "access")).model_dump(exclude_none=True) == access
    assert (await maker.verify(pair.refresh, "refresh")).model_dump(exclude_none=True) == refresh
    assert pair.access not in repr(pair)


async def test_others_can_check_them(maker: Tokens, keys: FixedKeys) -> None:
    pair = maker.draw("user-1", "kakao", FAMILY)
    value = keys.bundle[0].value
    assert isinstance(value, RSAKey)
    claims = jwt.decode(pair.access, value.public_key, algorithms=["RS256"], audience=AUDIENCE, issuer=ISSUER)
    assert claims["sub"] == "user-1"


async def test_signed_again_they_are_the_same(maker: Tokens, keys: FixedKeys, pems: tuple[str, ...]) -> None:
    pair = maker.draw("user-1", "kakao", FAMILY)
    assert maker.again(pair.claims) == pair
    keys.bundle.reverse()
    assert maker.again(pair.claims) == pair
    keys.bundle = FixedKeys(pems[2]).bundle
    with pytest.raises(InvalidToken, match="taken away"):
        maker.again(pair.claims)


async def test_a_type_is_not_another(maker: Tokens, keys: FixedKeys) -> None:
    pair = maker.draw("user-1", "kakao", FAMILY)
    assert await refused(maker, pair.access, "refresh") == "type"
    assert await refused(maker, pair.refresh, "access") == "type"
    assert await refused(maker, forged(keys, pair.refresh, family=None), "refresh") == "type"


async def test_times(maker: Tokens, clock: Clock) -> None:
    pair = maker.draw("user-1", "kakao", FAMILY)
    clock.pass_(-LEEWAY_SECONDS)
    await maker.verify(pair.access, "access")
    clock.pass_(-1)
    assert await refused(maker, pair.access) == "not yet valid"
    clock.pass_(2 * LEEWAY_SECONDS + ACCESS_TTL)
    await maker.verify(pair.access, "access")
    clock.pass_(1)
    assert await refused(maker, pair.access) == "expired"


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://other.test"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"aud": "other"}, "audience"),
        ({"aud": None}, "audience"),
        ({"aud": [AUDIENCE]}, "claims"),
        ({"sub": None}, "claims"),
        ({"sub": ""}, "claims"),
        ({"sub": 7}, "claims"),
        ({"jti": "*"}, "claims"),
        ({"jti": "a" * 32 + "\n"}, "claims"),
        ({"exp": None}, "claims"),
        ({"exp": True}, "claims"),
        ({"exp": 1e300}, "claims"),
        ({"nbf": "0"}, "claims"),
        ({"type": None}, "claims"),
        ({"type": "id"}, "claims"),
        ({"provider": None}, "claims"),
    ],
)
async def test_claims_that_are_refused(maker: Tokens, keys: FixedKeys, claims: dict[str, Any], why: str) -> None:
    good = maker.draw("user-1", "kakao", FAMILY).access
    await maker.verify(forged(keys, good), "access")
    assert await refused(maker, forged(keys, good, **claims)) == why


async def test_issuer_and_audience_are_an_option(keys: FixedKeys, clock: Clock) -> None:
    maker = tokens(keys, clock, issuer=None, audience=None)
    access = maker.draw("user-1", "kakao", FAMILY).access
    assert not {"iss", "aud"} & part(access, 1).keys()
    await maker.verify(access, "access")
    await maker.verify(forged(keys, access, iss="anybody"), "access")


async def test_keys_that_are_refused(maker: Tokens, keys: FixedKeys, pems: tuple[str, ...]) -> None:
    good = maker.draw("user-1", "kakao", FAMILY).access
    await maker.verify(forged(keys, good, number=1), "access")
    strange = FixedKeys(pems[2])
    assert await refused(maker, forged(strange, good)) == "unknown key"
    assert await refused(maker, forged(strange, good, header={"kid": keys.bundle[0].kid})) == "bad_signature"
    assert await refused(maker, forged(keys, good, header={})) == "unknown key"
    assert await refused(maker, forged(keys, good, header={"kid": keys.bundle[1].kid})) == "bad_signature"
    head, claims, signature = good.split(".")
    assert await refused(maker, f"{head}.{claims}.{signature[:-8]}AAAAAAAA") == "bad_signature"
    assert await refused(maker, f"{head}.{claims}.") == "bad_signature"


async def test_algorithms_are_never_mixed(maker: Tokens, keys: FixedKeys, clock: Clock) -> None:
    good = maker.draw("user-1", "kakao", FAMILY).access
    kid = keys.bundle[0].kid
    none = jwt.encode(part(good, 1), None, algorithm="none", headers={"kid": kid})
    assert await refused(maker, none) == "unsupported_algorithm"
    value = keys.bundle[0].value
    assert isinstance(value, RSAKey)
    signed = jwt.encode(part(good, 1), SECRET, algorithm="HS256", headers={"kid": kid}).rsplit(".", 1)[0]
    confused = hmac.digest(value.as_pem(private=False), signed.encode(), hashlib.sha256)
    token = f"{signed}.{jwt.utils.base64url_encode(confused).decode()}"
    assert await refused(maker, token) == "unsupported_algorithm"
    shared = tokens(SharedSecret(SECRET), clock)
    assert await refused(shared, good) == "unknown key"
    assert await refused(shared, forged(keys, good, header={})) in ("unsupported_algorithm", "unknown key")


async def test_hs256(clock: Clock) -> None:
    keys = SharedSecret(SECRET)
    maker = tokens(keys, clock)
    pair = maker.draw("user-1", "naver", FAMILY)
    assert part(pair.access, 0) == {"alg": "HS256", "typ": "JWT"}
    assert jwt.decode(pair.access, SECRET, algorithms=["HS256"], audience=AUDIENCE)["sub"] == "user-1"
    assert maker.again(pair.claims) == pair
    assert (await maker.verify(pair.refresh, "refresh")).family == FAMILY
    assert (await keys.document()).body == b'{"keys":[]}'
    assert await refused(tokens(SharedSecret(SECRET[::-1]), clock), pair.access) == "bad_signature"


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "\ud800",
        "é.é.é",
        "a" * (LONGEST + 1),
        "e30.e30.e30",
        "W10.e30.",
        "eyJhbGciOiJSUzI1NiIsImtpZCI6N30.e30.AA",
        "W1tb" * 1300 + ".e30.AA",
    ],
)
async def test_what_is_no_token(maker: Tokens, text: str) -> None:
    assert await refused(maker, text) in ("no token", "too long", "unknown key")


async def test_a_header_of_any_shape_is_never_an_error_of_ours(maker: Tokens) -> None:
    header, rest = maker.draw("user-1", "kakao", FAMILY).access.split(".", 1)
    known = part(f"{header}.", 0)
    for wrong in ({"crit": 1}, {"crit": [1]}, {"alg": 1}, {"typ": 1}, {"cty": []}, {"jwk": {}}, {"x5c": 1}, {"b64": 1}):
        text = json.dumps({**known, **wrong}).encode()
        token = f"{base64.urlsafe_b64encode(text).decode().rstrip('=')}.{rest}"
        assert await refused(maker, token), wrong


@given(
    text=st.text() | st.lists(st.from_regex(r"[A-Za-z0-9_-]*", fullmatch=True), min_size=3, max_size=3).map(".".join)
)
async def test_garbage_is_never_an_error_of_ours(text: str) -> None:
    with pytest.raises(InvalidToken):
        await tokens(SharedSecret(SECRET), Clock()).verify(text, "access")
