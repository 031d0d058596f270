"""The API server's audit log: what to record, and reading it back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

METADATA_POLICY: Mapping[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}
"""Who did what to which object, without the objects themselves."""


@dataclass(frozen=True)
class Audit:
    """Ask the API server for an audit log."""

    policy: Mapping[str, Any] = field(default_factory=lambda: METADATA_POLICY)
    """An audit.k8s.io/v1 Policy."""
    path: Path | None = None
    """Where to; None means `logs/audit.log` in the cluster's folder."""


def read_events(path: Path, *, user_agent: str = "") -> Iterator[dict[str, Any]]:
    """The events of an audit log whose user agent begins with `user_agent`, oldest first.

    A last line that is still being written is left out.
    """
    with path.open(encoding="utf-8") as file:
        for line in file:
            if not line.endswith("\n"):
                return
            event: dict[str, Any] = json.loads(line)
            if event.get("userAgent", "").startswith(user_agent):
                yield event


def count_requests(path: Path, *, user_agent: str = "") -> Counter[tuple[str, str]]:
    """How many requests there were by (verb, resource); a subresource is `pods/status`."""
    counts: Counter[tuple[str, str]] = Counter()
    for event in read_events(path, user_agent=user_agent):
        target = event.get("objectRef", {})
        parts = [target.get("resource", event.get("requestURI", "")), target.get("subresource", "")]
        counts[event["verb"], "/".join(part for part in parts if part)] += 1
    return counts
