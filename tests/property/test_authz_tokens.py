"""Laws of tokens: one changed character is one too many, nothing crashes, and no other library is stricter."""

import json
import time
from typing import Any

import jwt
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.unit.eco2_authz.tokens import (
    ASYMMETRIC,
    AUDIENCE,
    ISSUER,
    NOW,
    PUBLIC_KEYS,
    SECRET,
    SYMMETRIC,
    PrivateKey,
    algorithm,
    b64,
    claims,
    ec_key,
    jwks,
    rsa_key,
    token,
)

from eco2_authz.check import UnknownKey, Verified, admit, examine, verify
from eco2_authz.decision import Decision
from eco2_authz.errors import KeysUnavailable
from eco2_authz.explain import explain
from eco2_authz.keys.jwk import parse_jwks
from eco2_authz.keys.keyset import KeySet
from eco2_authz.policy import Policy
from eco2_authz.request import Request
from eco2_authz.token.base64url import decode, translated
from eco2_authz.token.strict_json import read_object

EXAMPLES = settings(max_examples=300, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
KEYS: tuple[PrivateKey, ...] = (SECRET, rsa_key(), ec_key())
TOKENS = {algorithm(key)[0]: token(key=key) for key in KEYS}
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
CHARACTERS = st.sampled_from(ALPHABET + "+/=. \n\0") | st.characters()
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=3), below, max_size=3),
    max_leaves=8,
)


def judged(text: str, policy: Policy, now: float = NOW) -> Verified | Decision | UnknownKey:
    return verify(text, KeySet.of_secret(SECRET) if policy is SYMMETRIC else jwks(), policy, now)


def policy_of(name: str) -> Policy:
    return SYMMETRIC if name == "HS256" else ASYMMETRIC


# -- forgery -------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(st.sampled_from(sorted(TOKENS)), st.integers(min_value=0), CHARACTERS)
def test_a_token_with_another_character_anywhere_is_refused(name: str, at: int, character: str) -> None:
    text = TOKENS[name]
    at %= len(text)
    assume(text[at] != character)
    assert not isinstance(judged(text[:at] + character + text[at + 1 :], policy_of(name)), Verified)


@pytest.mark.parametrize("name", sorted(TOKENS))
def test_a_token_with_the_next_character_anywhere_is_refused(name: str) -> None:
    """At every place, and so in every bit that its last characters leave unused."""
    text = TOKENS[name]
    for at, character in enumerate(text):
        if character != ".":
            other = ALPHABET[ALPHABET.index(character) ^ 1]
            assert not isinstance(judged(text[:at] + other + text[at + 1 :], policy_of(name)), Verified)


@EXAMPLES
@given(st.sampled_from(sorted(TOKENS)), st.integers(min_value=0), st.text(CHARACTERS, min_size=1, max_size=4))
def test_a_token_with_more_or_less_is_refused(name: str, at: int, more: str) -> None:
    text = TOKENS[name]
    at %= len(text)
    assert not isinstance(judged(text[:at] + more + text[at:], policy_of(name)), Verified)
    assert not isinstance(judged(text[:at], policy_of(name)), Verified)
    assert not isinstance(judged(text[at + 1 :], policy_of(name)), Verified)


# -- no crash ------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(st.text() | st.text(CHARACTERS, max_size=60) | st.lists(st.text(ALPHABET, max_size=20)).map(".".join))
def test_any_text_is_judged(text: str) -> None:
    for policy in (SYMMETRIC, ASYMMETRIC):
        assert isinstance(judged(text, policy), Decision | UnknownKey)
        assert not explain(text, policy, jwks(), NOW).decision.allowed


@EXAMPLES
@given(JSON | st.binary(max_size=40), JSON | st.binary(max_size=40), st.floats())
def test_any_header_and_payload_well_signed_are_judged(header: Any, payload: Any, now: float) -> None:
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    for text in (token(parts[1], header=parts[0]), token(parts[1])):
        found = judged(text, SYMMETRIC, now)
        assert isinstance(found, Verified | Decision | UnknownKey)
        assert explain(text, SYMMETRIC, KeySet.of_secret(SECRET), now).steps


@EXAMPLES
@given(st.text(), st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3))
def test_any_request_is_examined(path: str, authorization: list[str], cookies: list[str]) -> None:
    request = Request(path=path, authorization=tuple(authorization), cookies=tuple(cookies))
    assert isinstance(examine(request, ASYMMETRIC), Decision | str)


@EXAMPLES
@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps({"keys": value}).encode()))
def test_any_document_is_a_set_of_keys_or_refused(document: bytes) -> None:
    with pytest.raises(KeysUnavailable):
        parse_jwks(document, PUBLIC_KEYS)


# -- no library is stricter ----------------------------------------------------------------------------------------

FAR = st.sampled_from([-(10**7), -3600, -60, -20, 20, 60, 3600, 10**7])
"""Seconds from now: far enough that both look at the same moment."""
ODD = JSON | st.sampled_from(["access", "refresh", ISSUER, AUDIENCE, [AUDIENCE], [ISSUER], True, 2**63, "1"])


def _claims(now: int) -> st.SearchStrategy[dict[str, Any]]:
    times = FAR.map(lambda seconds: now + seconds) | FAR.map(lambda seconds: now + seconds + 0.5) | ODD
    values = {
        "sub": st.sampled_from(["user-1", "a,b", ""]) | ODD,
        "jti": st.sampled_from(["j-1", "a b", "*"]) | ODD,
        "exp": times,
        "nbf": times,
        "iat": times,
        "iss": st.just(ISSUER) | ODD,
        "aud": st.just(AUDIENCE) | st.lists(st.sampled_from([AUDIENCE, "x", 1]), max_size=2) | ODD,
        "type": st.just("access") | ODD,
        "provider": st.just("google") | ODD,
    }
    good = claims(iat=now - 60, exp=now + 3600)
    changed = st.sets(st.sampled_from(sorted(values)), max_size=3).flatmap(
        lambda names: st.fixed_dictionaries({name: values[name] for name in sorted(names)})
    )
    dropped = st.sets(st.sampled_from(sorted(values)), max_size=1)
    return st.tuples(changed, dropped).map(
        lambda both: {name: value for name, value in (good | both[0]).items() if name not in both[1]}
    )


HEADERS = st.fixed_dictionaries(
    {"alg": st.sampled_from(["HS256", "HS256", "HS256", "RS256", "none", "hs256"])},
    optional={
        "typ": st.sampled_from(["JWT", "at+jwt", "JWE", 1]),
        "kid": st.sampled_from(["k", ""]) | ODD,
        "crit": st.sampled_from([["exp"], [], "b64", ["b64"]]),
        "b64": st.booleans(),
        "x5c": ODD,
    },
)


def _pyjwt_accepts(text: str) -> bool:
    try:
        jwt.decode(
            text,
            SECRET,
            algorithms=["HS256"],
            issuer=ISSUER,
            audience=AUDIENCE,
            leeway=5,
            options={"require": ["exp", "sub", "jti"]},
        )
    except jwt.PyJWTError:
        return False
    return True


@settings(EXAMPLES, max_examples=600)
@given(st.data())
def test_what_pyjwt_refuses_is_refused(data: st.DataObject) -> None:
    now = int(time.time())
    header = data.draw(HEADERS | st.just({"alg": "HS256", "typ": "JWT"}))
    text = token(data.draw(_claims(now)), header=header)
    if isinstance(judged(text, SYMMETRIC, now), Verified):
        assert _pyjwt_accepts(text)


@EXAMPLES
@given(
    st.sampled_from(KEYS),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=","), min_size=1, max_size=128),
    st.text(ALPHABET, min_size=1, max_size=64),
    st.integers(min_value=NOW + 1, max_value=NOW + 10**8),
    st.dictionaries(st.text(max_size=5).filter(lambda name: name not in claims(nbf=1)), JSON, max_size=3),
)
def test_what_pyjwt_makes_well_passes(
    key: PrivateKey, subject: str, jti: str, expires: int, more: dict[str, Any]
) -> None:
    alg, kid = algorithm(key)
    made = claims(sub=subject, jti=jti, exp=expires) | more
    text = jwt.encode(made, key, alg, headers={"kid": kid} if kid else None)
    assume(len(text) <= 8192)
    found = judged(text, policy_of(alg))
    assert isinstance(found, Verified), found
    assert (found.identity.subject, found.jti, found.expires) == (subject, jti, expires)


@EXAMPLES
@given(st.lists(st.integers(min_value=NOW - 5000, max_value=NOW + 5000), min_size=3, max_size=3), st.booleans())
def test_a_token_is_valid_for_one_stretch_of_time(moments: list[int], revoked: bool) -> None:
    verified = judged(token(claims(nbf=NOW - 1000)), SYMMETRIC)
    assert isinstance(verified, Verified)
    first, between, last = (admit(verified, SYMMETRIC, now, revoked).allowed for now in sorted(moments))
    assert between or not (first and last)
    assert not (revoked and (first or between or last))


# -- spelling ------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(st.text(ALPHABET, max_size=12) | st.text(CHARACTERS, max_size=12))
def test_base64url_that_is_read_is_what_would_be_written(text: str) -> None:
    try:
        value = decode(translated(text.encode()))
    except (ValueError, UnicodeEncodeError):
        return
    assert b64(value) == text


@EXAMPLES
@given(st.binary())
def test_base64url_that_is_written_is_read(value: bytes) -> None:
    assert decode(translated(b64(value).encode())) == value


@EXAMPLES
@given(st.lists(st.tuples(st.text(max_size=2), JSON), max_size=5), st.sampled_from([",", ", "]), st.booleans())
def test_an_object_is_refused_if_and_only_if_it_has_a_name_twice(
    pairs: list[tuple[str, Any]], comma: str, ascii_only: bool
) -> None:
    written = [f"{json.dumps(name, ensure_ascii=ascii_only)}:{json.dumps(value)}" for name, value in pairs]
    text = f"{{{comma.join(written)}}}".encode()
    if len({name for name, _ in pairs}) < len(pairs):
        with pytest.raises(ValueError, match="has the same name twice"):
            read_object(text)
    else:
        assert read_object(text) == dict(pairs)
