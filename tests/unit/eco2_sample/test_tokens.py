"""Tokens, as ext-authz judges them."""

from __future__ import annotations

import json

import pytest

from eco2_authz.check import verify
from eco2_authz.decision import Decision, Reason
from eco2_authz.keys.jwk import parse_jwks
from eco2_authz.policy import Policy
from eco2_sample.keys import make_key
from eco2_sample.tokens import Issuer

NOW = 1_800_000_000
NAME = "https://api.dev.growbin.app"
ALGORITHMS = frozenset({"RS256"})
POLICY = Policy(algorithms=ALGORITHMS, issuer=NAME, audience=None)


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer(NAME, make_key())


def judged(token: str, issuer: Issuer) -> Decision:
    keys = parse_jwks(json.dumps(issuer.jwks()).encode(), ALGORITHMS)
    found = verify(token, keys, POLICY, NOW)
    return found if isinstance(found, Decision) else found.decision


def test_a_token_is_good(issuer: Issuer) -> None:
    decision = judged(issuer.issue("u1", now=NOW, seconds=60), issuer)
    assert decision.reason is Reason.OK
    assert decision.identity is not None
    assert (decision.identity.subject, decision.identity.provider) == ("u1", "stand-in")


def test_one_that_has_expired_is_known_as_that(issuer: Issuer) -> None:
    assert judged(issuer.issue("u1", now=NOW, seconds=-60), issuer).reason is Reason.EXPIRED


def test_the_key_of_another_image_does_not_verify_it(issuer: Issuer) -> None:
    other = Issuer(NAME, make_key())
    assert judged(other.issue("u1", now=NOW, seconds=60), issuer).reason is Reason.UNKNOWN_KEY


def test_the_name_of_another_issuer_is_refused(issuer: Issuer) -> None:
    other = Issuer("https://elsewhere.test", issuer.key)
    assert judged(other.issue("u1", now=NOW, seconds=60), issuer).reason is Reason.BAD_CLAIMS


def test_no_two_tokens_have_one_id(issuer: Issuer) -> None:
    assert issuer.issue("u1", now=NOW, seconds=60) != issuer.issue("u1", now=NOW, seconds=60)
