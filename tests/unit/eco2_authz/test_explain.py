"""What people are told about a token."""

from typing import Any

import pytest
from tests.unit.eco2_authz.tokens import ASYMMETRIC, JTI, NOW, SECRET, SYMMETRIC, claims, compact, jwks, rsa_key, token

from eco2_authz.decision import Reason
from eco2_authz.explain import Explanation, explain
from eco2_authz.keys.keyset import KeySet
from eco2_authz.policy import Policy
from eco2_authz.token.header import Header

STEPS = ("form", "algorithm", "key", "signature", "claims", "time", "revocation")


def explained(text: str, *, policy: Policy = SYMMETRIC, **more: Any) -> Explanation:
    keys = KeySet.of_secret(SECRET) if policy is SYMMETRIC else jwks()
    arguments: dict[str, Any] = {"keys": keys, "now": NOW} | more
    return explain(text, policy, **arguments)


@pytest.mark.parametrize(
    ("found", "reason", "failed", "header", "signed"),
    [
        (explained("a.b"), Reason.MALFORMED, "form", None, False),
        (explained(token(header={"alg": "none"})), Reason.MALFORMED, "algorithm", Header("none", None), False),
        (explained(token(), keys=None), Reason.KEYS_UNAVAILABLE, "key", Header("HS256", None), False),
        (
            explained(token(key=rsa_key(), kid="r2"), policy=ASYMMETRIC),
            Reason.UNKNOWN_KEY,
            "key",
            Header("RS256", "r2"),
            False,
        ),
        (explained(token(key=bytes(32))), Reason.BAD_SIGNATURE, "signature", Header("HS256", None), False),
        (explained(token(claims(sub="a b"))), Reason.BAD_CLAIMS, "claims", Header("HS256", None), True),
        (explained(token(), now=NOW + 10**6), Reason.EXPIRED, "time", Header("HS256", None), True),
        (explained(token(), now=NOW - 10**6), Reason.NOT_YET_VALID, "time", Header("HS256", None), True),
        (explained(token(), revoked=True), Reason.BLACKLISTED, "revocation", Header("HS256", None), True),
    ],
)
def test_a_refused_token(found: Explanation, reason: Reason, failed: str, header: Header | None, signed: bool) -> None:
    at = STEPS.index(failed)
    assert found.decision.reason is reason
    assert [step.name for step in found.steps] == list(STEPS)
    assert [step.passed for step in found.steps] == [True] * at + [False] + [None] * (len(STEPS) - at - 1)
    assert found.steps[at].text == found.decision.detail
    assert all(step.text for step in found.steps)
    assert found.header == header
    assert bool(found.claims) is signed


def test_a_good_token() -> None:
    found = explained(token(claims(nbf=NOW, scope="all")), revoked=False)
    assert found.decision.allowed
    assert all(step.passed for step in found.steps)
    assert found.claims == claims(nbf=NOW)
    assert found.claims["jti"] == JTI
    assert "valid until 2027-01-15T09:00:00+00:00" in found.steps[5].text


def test_a_good_token_of_which_nobody_knows_whether_it_was_revoked() -> None:
    found = explained(token())
    assert found.decision.allowed
    assert found.steps[-1].passed is None
    assert found.steps[-1].text == "the blacklist was not asked"


def test_of_a_payload_that_holds_no_claims_none_are_shown() -> None:
    found = explained(token(b"[1]"))
    assert (found.decision.reason, found.claims) == (Reason.BAD_CLAIMS, {})


@pytest.mark.parametrize("key", [SECRET, bytes(32)])
def test_nothing_of_the_signature_is_said(key: bytes) -> None:
    text = token(compact(claims()), key=key)
    assert text.rpartition(".")[2] not in repr(explained(text))
