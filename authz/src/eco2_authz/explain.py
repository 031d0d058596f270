"""Why a token would be let in or refused, step by step, for people. Pure."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from eco2_authz.check import UnknownKey, Verified, admit, verify
from eco2_authz.decision import Decision, Reason, Refused
from eco2_authz.keys.keyset import KeySet
from eco2_authz.policy import Policy
from eco2_authz.token.compact import take_apart
from eco2_authz.token.header import Header
from eco2_authz.token.strict_json import read_object

_STEPS: Final = ("form", "algorithm", "key", "signature", "claims", "time", "revocation")
_FAILS_AT: Final = {
    Reason.UNKNOWN_KEY: "key",
    Reason.KEYS_UNAVAILABLE: "key",
    Reason.BAD_SIGNATURE: "signature",
    Reason.BAD_CLAIMS: "claims",
    Reason.EXPIRED: "time",
    Reason.NOT_YET_VALID: "time",
    Reason.BLACKLISTED: "revocation",
}
"""A token malformed fails at its form or, where that can be read, at its algorithm."""
_UNASKED: Final = "the blacklist was not asked"
_SHOWN: Final = ("sub", "provider", "jti", "iss", "aud", "type", "iat", "nbf", "exp")


@dataclass(frozen=True, slots=True)
class Step:
    """One of the questions asked of every token, in their order."""

    name: str
    passed: bool | None
    """None: not asked, since an earlier answer was no, or since there was nobody to ask."""
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What `check` says of a token, and how it came to that. Holds nothing of the signature."""

    decision: Decision
    steps: tuple[Step, ...]
    header: Header | None
    """None where the token has no readable one. Not to be believed unless the signature is good."""
    claims: dict[str, Any] = field(default_factory=dict)
    """Only of a token whose signature is good, and only those that mean something here."""


def explain(token: str, policy: Policy, keys: KeySet | None, now: float, revoked: bool | None = None) -> Explanation:
    """The decision of `check.verify` and `check.admit`, taken apart.

    Args:
        now: seconds since 1970.
        revoked: whether the token's id is on the blacklist; None: nobody was asked.
    """
    try:
        parts = take_apart(token, policy.max_token_bytes)
    except Refused as refused:
        decision = Decision(refused.reason, detail=refused.detail)
        return Explanation(decision, _steps("form", decision, {}), None)
    outcome = verify(token, keys, policy, now)
    decision = _decision(outcome, policy, now, revoked)
    failed = None if decision.allowed else _FAILS_AT.get(decision.reason, "algorithm")
    signed = failed is None or _STEPS.index(failed) > _STEPS.index("signature")
    texts = {
        "form": "three parts, and a header that is understood",
        "algorithm": f"{parts.header.alg} is allowed",
        "key": "the key is known",
        "signature": "the signature is good",
        "claims": "all claims are there and what they should be",
        "time": f"valid until {_moment(outcome.expires)}" if isinstance(outcome, Verified) else "",
        "revocation": "not revoked" if revoked is False else _UNASKED,
    }
    return Explanation(
        decision, _steps(failed, decision, texts), parts.header, _claims(parts.payload) if signed else {}
    )


def _decision(outcome: Verified | Decision | UnknownKey, policy: Policy, now: float, revoked: bool | None) -> Decision:
    if isinstance(outcome, Verified):
        return admit(outcome, policy, now, revoked=bool(revoked))
    return outcome.decision if isinstance(outcome, UnknownKey) else outcome


def _steps(failed: str | None, decision: Decision, texts: dict[str, str]) -> tuple[Step, ...]:
    """Those before the failed one passed, those after it were not asked."""
    end = len(_STEPS) if failed is None else _STEPS.index(failed)
    steps = [Step(name, None if texts[name] == _UNASKED else True, texts[name]) for name in _STEPS[:end]]
    if failed is not None:
        steps.append(Step(failed, False, decision.detail))
    return (*steps, *(Step(name, None, "not looked at") for name in _STEPS[end + 1 :]))


def _claims(payload: bytes) -> dict[str, Any]:
    try:
        claims = read_object(payload)
    except ValueError:
        return {}
    return {name: claims[name] for name in _SHOWN if name in claims}


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
