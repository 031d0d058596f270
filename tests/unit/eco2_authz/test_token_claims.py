"""What claims have to be, and what of them is used."""

from typing import Any

import pytest
from tests.unit.eco2_authz.tokens import NOW, SYMMETRIC, claims, compact

from eco2_authz.decision import Identity, Reason, Refused
from eco2_authz.token.claims import Claims, read_claims

LATEST = 253_402_300_799


def read(payload: dict[str, Any] | bytes) -> Claims:
    return read_claims(payload if isinstance(payload, bytes) else compact(payload), SYMMETRIC)


def refused(payload: dict[str, Any] | bytes) -> str:
    with pytest.raises(Refused) as refusal:
        read(payload)
    assert refusal.value.reason is Reason.BAD_CLAIMS
    return refusal.value.detail


@pytest.mark.parametrize("subject", ["u", "x" * 128, "kakao|1", "a:b", "!", "~", "+-"])
def test_a_subject(subject: str) -> None:
    assert read(claims(sub=subject)).identity == Identity(subject, "google")


@pytest.mark.parametrize("jti", ["j", "x" * 256, "a/b+c==", "1:2", "!", "~", "<>,;"])
def test_an_id(jti: str) -> None:
    assert read(claims(jti=jti)).jti == jti


@pytest.mark.parametrize("provider", ["x", "x" * 64])
def test_a_provider(provider: str) -> None:
    assert read(claims(provider=provider)).identity.provider == provider


@pytest.mark.parametrize(
    "value", [None, "", 1, True, ["a"], {}, "a b", "a\n", "a\r", "a\0", "a\t", "a,b", "é", "가", "\x7f"]
)
@pytest.mark.parametrize("name", ["sub", "provider"])
def test_what_would_become_a_bad_header(name: str, value: object) -> None:
    assert refused(claims() | {name: value}).startswith(f"{name}: must be")


def test_names_have_their_length() -> None:
    assert refused(claims(sub="x" * 129)).startswith("sub: must be 1 to 128")
    assert refused(claims(provider="x" * 65)).startswith("provider: must be 1 to 64")
    assert refused(claims(jti="x" * 257)).startswith("jti: must be 1 to 256")


@pytest.mark.parametrize(
    "jti", [None, "", 1, 1.5, ["a"], {}, True, "a b", "a\r\nb", "a\0", "é", "*", "a?", "[a]", "a\\b"]
)
def test_what_would_become_a_bad_key_of_redis(jti: object) -> None:
    assert refused(claims() | {"jti": jti}).startswith("jti: must be")


@pytest.mark.parametrize("name", ["sub", "jti", "exp"])
def test_what_must_be_there(name: str) -> None:
    assert refused(claims(**{name: None})).startswith(f"{name}: ")


@pytest.mark.parametrize("value", [0, 1, NOW + 0.25, LATEST])
@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
def test_a_time(name: str, value: float) -> None:
    found = read(claims(iat=None) | {name: value})
    assert (found.expires if name == "exp" else found.not_before) == value


@pytest.mark.parametrize("value", [None, "1", True, False, [], -1, -0.5, LATEST + 1, 2**63, 2**64, 10**300, 1e300])
@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
def test_what_is_no_time(name: str, value: object) -> None:
    assert refused(claims() | {name: value}) == f"{name}: must be a number of seconds since 1970"


@pytest.mark.parametrize("value", ["refresh", "", None, True, ["access"], "Access", "access "])
def test_only_access_tokens(value: object) -> None:
    assert refused(claims() | {"type": value}).startswith("type:")


@pytest.mark.parametrize("value", [None, 1, ["https://auth.growbin.app"], {}])
def test_an_issuer_is_text(value: object) -> None:
    assert refused(claims() | {"iss": value}) == "iss: must be text"


@pytest.mark.parametrize(
    "value", ["", "https://auth.growbin.app/", "https://auth.growbin.ap", "HTTPS://AUTH.GROWBIN.APP"]
)
def test_an_issuer_is_compared_whole(value: str) -> None:
    assert refused(claims(iss=value)) == "iss: the token is of another issuer"


def test_the_issuer_and_the_audience_must_be_there_when_asked_for() -> None:
    assert refused(claims(iss=None)).startswith("iss:")
    assert refused(claims(aud=None)).startswith("aud:")


@pytest.mark.parametrize("value", [None, 1, [1], ["eco2", None], {"eco2": 1}, [["eco2"]]])
def test_an_audience_is_text_or_texts(value: object) -> None:
    assert refused(claims() | {"aud": value}) == "aud: must be text or a list of texts"


@pytest.mark.parametrize("payload", [b"", b"x", b"[]", b'"x"', b"null"])
def test_a_payload_that_holds_no_claims(payload: bytes) -> None:
    assert refused(payload).startswith("the token's payload is no JSON")


def test_no_claim_twice() -> None:
    twice = compact(claims())[:-1] + b',"sub":"admin"}'
    assert refused(twice) == "the token's payload has the same name twice"
