"""Counting requests in the API server's audit log."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

WRITES = ("create", "update", "patch", "apply", "delete", "deletecollection")


@dataclass(frozen=True)
class Requests:
    """What one user asked of the API server in a span of time; watches are counted apart."""

    verbs: Mapping[str, int] = field(default_factory=dict)
    agents: Mapping[str, int] = field(default_factory=dict)
    targets: Mapping[str, int] = field(default_factory=dict)
    """By verb and resource."""
    codes: Mapping[str, int] = field(default_factory=dict)
    watches: int = 0

    def __add__(self, other: "Requests") -> "Requests":
        """Both spans together."""
        return Requests(
            _sum(self.verbs, other.verbs),
            _sum(self.agents, other.agents),
            _sum(self.targets, other.targets),
            _sum(self.codes, other.codes),
            self.watches + other.watches,
        )

    @property
    def total(self) -> int:
        """All but watches."""
        return sum(self.verbs.values())

    @property
    def writes(self) -> int:
        """What could have changed something."""
        return sum(count for verb, count in self.verbs.items() if verb in WRITES)


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    return dict(Counter(one) + Counter(other))


class AuditLog:
    """An audit log, read piece by piece."""

    def __init__(self, path: Path, *, user: str) -> None:
        self._path = path
        self._user = user
        self._marker = f'"username":"{user}"'.encode()
        self._offset = 0

    def take(self) -> Requests:
        """The user's requests since the last call. A watch counts when it begins."""
        verbs: Counter[str] = Counter()
        agents: Counter[str] = Counter()
        targets: Counter[str] = Counter()
        codes: Counter[str] = Counter()
        watches = 0
        for line in self._lines():
            if self._marker not in line:
                continue
            event = orjson.loads(line)
            verb, stage = event["verb"], event["stage"]
            if verb == "watch":
                watches += stage == "ResponseStarted"
            elif stage in ("ResponseComplete", "Panic"):
                verbs[verb] += 1
                agents[event.get("userAgent", "")] += 1
                targets[f"{verb} {_target(event)}"] += 1
                codes[str(event.get("responseStatus", {}).get("code", "none"))] += 1
        return Requests(dict(verbs), dict(agents), dict(targets), dict(codes), watches)

    def _lines(self) -> list[bytes]:
        with self._path.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        whole = text.rfind(b"\n") + 1
        self._offset += whole
        return text[:whole].splitlines()


def _target(event: Mapping[str, Mapping[str, str]]) -> str:
    target = event.get("objectRef")
    if target is None:
        return str(event["requestURI"]).partition("?")[0]
    return "/".join(part for part in (target.get("resource", ""), target.get("subresource", "")) if part)
