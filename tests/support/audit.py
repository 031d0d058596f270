"""What a user asked of the API server, by the server's own audit log."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support.waits import eventually, stays

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
REPORTS = frozenset({"ecodomains/status", "events"})
"""Where the operator says what it found."""


@dataclass(frozen=True)
class Call:
    """One request."""

    verb: str
    resource: str
    """With the subresource: ``ecodomains/status``."""
    namespace: str
    name: str
    code: int

    @property
    def is_write(self) -> bool:
        """Whether it has changed something, or tried to."""
        return self.verb in WRITES

    @property
    def succeeded(self) -> bool:
        """Whether the API server did as asked."""
        return self.code < 300

    def __str__(self) -> str:
        return f"{self.verb} {self.resource} {self.namespace}/{self.name} -> {self.code}"


class AuditTrail:
    """The requests of one user that arrive from now on.

    A request is logged when it ends: what a frozen process asked long ago may be logged any time later, and its
    arrival tells that it is none of them.
    """

    def __init__(self, path: Path, *, user: str) -> None:
        self._path = path
        self._user = user
        self.restart()

    def restart(self) -> None:
        """Forget what was asked until now."""
        self._start = self._path.stat().st_size
        self._since = datetime.now(UTC)

    def calls(self, *, namespace: str = "") -> list[Call]:
        """Every finished request since the start; watches are listed when they begin, and when they end."""
        return [call for call in self._read() if not namespace or call.namespace == namespace]

    def writes(self, *, namespace: str = "") -> list[Call]:
        """The writes among them."""
        return [call for call in self.calls(namespace=namespace) if call.is_write]

    def stays_quiet(self, *, namespace: str = "", for_: float = 1.0, reports: bool = True) -> None:
        """See that from now on nothing is written for so many seconds; `reports`: no status and no Event either."""
        later = AuditTrail(self._path, user=self._user)

        def no_write() -> None:
            calls = later.writes(namespace=namespace)
            found = [str(call) for call in calls if reports or call.resource not in REPORTS]
            assert not found, f"written: {found}"

        stays(no_write, for_=for_)

    def becomes_quiet(self, *, namespace: str = "", for_: float = 2.0) -> None:
        """Wait until nothing has been written for so many seconds."""

        def quiet() -> bool:
            self.stays_quiet(namespace=namespace, for_=for_)
            return True

        eventually(quiet)

    def _read(self) -> Iterator[Call]:
        wanted = f'"username":"{self._user}"'.encode()
        with self._path.open("rb") as file:
            file.seek(self._start)
            for line in file:
                if wanted in line and line.endswith(b"\n"):
                    event = json.loads(line)
                    if datetime.fromisoformat(event["requestReceivedTimestamp"]) >= self._since:
                        yield _call(event)


def _call(event: dict[str, Any]) -> Call:
    target = event.get("objectRef", {})
    names = (target.get("resource", event.get("requestURI", "")), target.get("subresource", ""))
    return Call(
        verb=event["verb"],
        resource="/".join(filter(None, names)),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
    )
