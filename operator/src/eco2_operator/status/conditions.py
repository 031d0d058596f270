"""Conditions after the API conventions: a time only moves when the status flips, an equal status is never written.

Polarity follows kstatus: `Ready` is the summary; `Reconciling` and `Stalled` are True only in abnormal times.
https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from eco2_operator.naming import Manifest

Truth = Literal["True", "False", "Unknown"]
MAX_MESSAGE = 2048
"""Characters; a longer message is cut, so that one bad child cannot fill the status."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One condition before it has a time."""

    type: str
    status: Truth
    reason: str
    message: str


def merge(facts: Iterable[Fact], previous: Iterable[Mapping[str, Any]], *, generation: int, now: str) -> list[Manifest]:
    """Conditions for the status: each fact with the time of its last flip (RFC 3339)."""
    before = {condition["type"]: condition for condition in previous}
    merged = []
    for fact in facts:
        old = before.get(fact.type)
        kept = old is not None and old.get("status") == fact.status
        merged.append(
            {
                "type": fact.type,
                "status": fact.status,
                "observedGeneration": generation,
                "lastTransitionTime": old["lastTransitionTime"] if old is not None and kept else now,
                "reason": fact.reason,
                "message": _cut(fact.message),
            }
        )
    return merged


def find(conditions: Iterable[Mapping[str, Any]], kind: str) -> Mapping[str, Any] | None:
    """The condition of that type."""
    return next((condition for condition in conditions if condition.get("type") == kind), None)


def _cut(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else f"{message[: MAX_MESSAGE - 1]}…"
