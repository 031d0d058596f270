"""Which tokens are good, and when."""

from typing import Any

import jwt
import pytest
from tests.unit.eco2_authz.tokens import (
    ASYMMETRIC,
    HS256,
    JTI,
    NOW,
    SECRET,
    SYMMETRIC,
    PrivateKey,
    claims,
    ec_jwk,
    ec_key,
    jwks,
    outcome,
    rsa_jwk,
    rsa_key,
    token,
)

from eco2_authz.check import UnknownKey, Verified, admit, verify
from eco2_authz.decision import Decision, Identity, Reason
from eco2_authz.keys.keyset import KeySet
from eco2_authz.policy import Policy

KEYS: dict[str, PrivateKey] = {"HS256": SECRET, "RS256": rsa_key(), "ES256": ec_key()}
LAX = Policy(algorithms=HS256, leeway=0)


def verified(text: str, policy: Policy = SYMMETRIC, now: float = NOW) -> Verified:
    keys = KeySet.of_secret(SECRET) if policy.algorithms == HS256 else jwks()
    found = verify(text, keys, policy, now)
    assert isinstance(found, Verified), found
    return found


def reason(text: str, policy: Policy = SYMMETRIC, **more: Any) -> Reason:
    return outcome(text, policy=policy, **more).reason


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_good_token(algorithm: str) -> None:
    found = verified(token(key=KEYS[algorithm]), SYMMETRIC if algorithm == "HS256" else ASYMMETRIC)
    assert (found.identity, found.jti) == (Identity("user-1", "google"), JTI)
    assert (found.expires, found.not_before) == (NOW + 3600, NOW - 60)
    assert found.decision == Decision(Reason.OK, found.identity, JTI)
    assert getattr(found.key, "alg", "") == algorithm


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_token_of_another_library(algorithm: str) -> None:
    text = jwt.encode(claims(), KEYS[algorithm], algorithm, headers={"kid": f"{algorithm[0].lower()}1"})
    verified(text, SYMMETRIC if algorithm == "HS256" else ASYMMETRIC)


def test_claims_that_may_be_missing() -> None:
    found = verified(token(claims(provider=None, type=None, iat=None, iss=None, aud=None)), LAX)
    assert found.identity == Identity("user-1", None)
    assert found.not_before == 0


def test_claims_nobody_asks_for_do_not_matter() -> None:
    verified(token(claims(scope=["a", {"b": None}], 이름="민", azp=1)))


@pytest.mark.parametrize("text", ["a", "", ".", "..", "a.b.c"])
def test_without_keys_what_is_no_token_is_still_malformed(text: str) -> None:
    found = verify(text, None, SYMMETRIC, NOW)
    assert isinstance(found, Decision)
    assert found.reason is Reason.MALFORMED


def test_without_keys_a_token_cannot_be_judged() -> None:
    found = verify(token(), None, SYMMETRIC, NOW)
    assert isinstance(found, Decision)
    assert found.reason is Reason.KEYS_UNAVAILABLE


def test_a_name_that_is_not_there_may_be_that_of_a_newer_key() -> None:
    found = verify(token(key=rsa_key("r2"), kid="r2"), jwks(), ASYMMETRIC, NOW)
    assert found == UnknownKey("r2")
    assert isinstance(found, UnknownKey)
    assert found.decision.reason is Reason.UNKNOWN_KEY


def test_a_name_of_a_key_for_another_algorithm_is_not_looked_for() -> None:
    found = verify(token(key=rsa_key(), kid="e1"), jwks(), ASYMMETRIC, NOW)
    assert isinstance(found, Decision)
    assert found.reason is Reason.UNKNOWN_KEY


def test_without_a_name_there_must_be_one_key_for_the_algorithm() -> None:
    text = token(header={"alg": "RS256"}, key=rsa_key())
    two = jwks(rsa_jwk(rsa_key()), rsa_jwk(rsa_key("r2"), "r2"), ec_jwk(ec_key()))
    assert isinstance(verify(text, jwks(), ASYMMETRIC, NOW), Verified)
    found = verify(text, two, ASYMMETRIC, NOW)
    assert isinstance(found, Decision)
    assert found.reason is Reason.UNKNOWN_KEY


def test_an_algorithm_that_the_policy_does_not_name() -> None:
    policy = Policy(algorithms=frozenset({"RS256"}))
    assert reason(token(key=ec_key()), policy) is Reason.MALFORMED


@pytest.mark.parametrize(("key", "policy"), [(SECRET, SYMMETRIC), (rsa_key(), ASYMMETRIC), (ec_key(), ASYMMETRIC)])
@pytest.mark.parametrize("at", [0, 5, -1])
def test_a_signature_that_was_changed(key: PrivateKey, policy: Policy, at: int) -> None:
    head, _, tail = token(key=key).rpartition(".")
    at %= len(tail)
    changed = tail[:at] + ("A" if tail[at] != "A" else "Q") + tail[at + 1 :]
    assert reason(f"{head}.{changed}", policy) is Reason.BAD_SIGNATURE


def test_a_signature_of_another_key() -> None:
    assert reason(token(key=bytes(32))) is Reason.BAD_SIGNATURE
    assert reason(token(key=rsa_key("r2")), ASYMMETRIC) is Reason.BAD_SIGNATURE
    assert reason(token(key=ec_key("e2")), ASYMMETRIC) is Reason.BAD_SIGNATURE


def test_claims_are_not_looked_at_before_the_signature_is_verified() -> None:
    assert reason(token(b"no JSON", key=bytes(32))) is Reason.BAD_SIGNATURE
    assert reason(token(b"no JSON")) is Reason.BAD_CLAIMS


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        (NOW, Reason.OK),
        (NOW + 104.999, Reason.OK),
        (NOW + 105, Reason.EXPIRED),
        (NOW + 10**9, Reason.EXPIRED),
        (NOW - 105, Reason.OK),
        (NOW - 105.001, Reason.NOT_YET_VALID),
        (0, Reason.NOT_YET_VALID),
    ],
)
@pytest.mark.parametrize("since", ["nbf", "iat"])
def test_the_leeway_is_added_at_both_ends(since: str, now: float, wanted: Reason) -> None:
    changes: dict[str, Any] = {"iat": None, "exp": NOW + 100} | {since: NOW - 100}
    text = token(claims(**changes))
    found = verify(text, KeySet.of_secret(SECRET), SYMMETRIC, now)
    assert (Reason.OK if isinstance(found, Verified) else outcome(text, now=now).reason) is wanted
    always = verified(text)
    assert admit(always, SYMMETRIC, now, revoked=False).reason is wanted


def test_the_later_one_of_nbf_and_iat_counts() -> None:
    assert reason(token(claims(nbf=NOW - 100, iat=NOW + 6))) is Reason.NOT_YET_VALID
    assert reason(token(claims(nbf=NOW + 6, iat=NOW - 100))) is Reason.NOT_YET_VALID
    verified(token(claims(nbf=NOW + 5, iat=NOW - 100)))


def test_without_leeway_a_token_ends_at_its_very_second() -> None:
    verified(token(claims(exp=NOW + 1)), LAX)
    assert reason(token(claims(exp=NOW)), LAX) is Reason.EXPIRED


def test_times_may_have_fractions() -> None:
    assert verified(token(claims(exp=NOW + 0.5)), LAX).expires == NOW + 0.5


def test_a_good_token_is_admitted_with_the_decision_made_before() -> None:
    found = verified(token())
    assert admit(found, SYMMETRIC, NOW, revoked=False) is found.decision


def test_a_revoked_token_is_refused_and_its_owner_named_for_the_log() -> None:
    found = verified(token())
    decision = admit(found, SYMMETRIC, NOW, revoked=True)
    assert decision == Decision(Reason.BLACKLISTED, found.identity, JTI, "the token was revoked")


def test_a_revoked_token_that_has_expired_has_expired() -> None:
    found = verified(token())
    assert admit(found, SYMMETRIC, NOW + 10**6, revoked=True).reason is Reason.EXPIRED


@pytest.mark.parametrize(
    ("audience", "good"),
    [
        ("eco2", True),
        (["eco2"], True),
        (["other", "eco2"], True),
        ("other", False),
        ([], False),
        (None, False),
        (["other"], False),
        ("eco2 ", False),
        ("ECO2", False),
        ("eco", False),
    ],
)
def test_the_audience_is_compared_whole(audience: object, good: bool) -> None:
    if good:
        verified(token(claims(aud=audience)))
    else:
        assert reason(token(claims(aud=audience))) is Reason.BAD_CLAIMS


def test_without_a_rule_any_issuer_and_audience_will_do() -> None:
    verified(token(claims(iss="x", aud=["y", "z"])), LAX)


@pytest.mark.parametrize("text", [token(b"{}"), token(key=bytes(32)), "YQ.YQ.YQ", token(claims(sub="a\nb"))])
def test_a_detail_holds_nothing_of_the_token(text: str) -> None:
    detail = outcome(text).detail
    assert detail
    assert not any(part and part in detail for part in text.split("."))
    assert detail.isascii()
    assert "\n" not in detail
