"""Where somebody may knock from: this machine, a node, a pod."""

import dataclasses
import inspect
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol

from eco2_testcluster.kubectl import Kubectl
from support.e2e import knocking
from support.e2e.nodes import Node

SECONDS: Final = 2.0
"""How long an answer may take. A packet that is dropped is sent again after one second."""
PYTHON: Final = ("/opt/eco2/bin/python", "-P", "-c")
"""In every image of the project."""
Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Target:
    """An address to knock at.

    Args:
        say: what to send once there is a connection; nothing means that the connection is enough.
    """

    host: str
    port: int
    protocol: str = "tcp"
    say: str = ""
    path: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" + ("" if self.protocol == "tcp" else f"/{self.protocol}")


def request(host: str, port: int, path: str = "/", *, headers: Headers = ()) -> Target:
    """An HTTP request."""
    lines = [f"GET {path} HTTP/1.1", f"host: {host}", "connection: close", *(f"{k}: {v}" for k, v in headers)]
    return Target(host, port, say="\r\n".join([*lines, "", ""]), path=path, headers=tuple(headers))


@dataclass(frozen=True)
class Knock:
    """What came of it. Status 0: no answer of HTTP."""

    target: Target
    outcome: str
    status: int = 0
    body: str = ""

    def __str__(self) -> str:
        return f"{self.target}: {self.outcome}{f' and {self.status} {self.body}' if self.status else ''}"

    @property
    def connected(self) -> bool:
        """Whether there was a connection. AssertionError when the name meant nothing."""
        assert self.outcome != "name-error", self
        return self.outcome == "connected"

    def heard(self, name: str) -> list[str]:
        """The values of a header as the stand-in got it; another case, and _ for -, is the same name."""
        assert self.status == 200, self
        return [value for key, value in json.loads(self.body)["headers"] if key.lower().replace("_", "-") == name]


class Place(Protocol):
    """Somewhere."""

    @property
    def name(self) -> str:
        """For messages."""
        ...

    def knock(self, targets: Sequence[Target]) -> list[Knock]:
        """Knock at all of them at once."""
        ...


@dataclass(frozen=True)
class Here:
    """This machine, which is no node and no pod."""

    name: str = "outside"

    def knock(self, targets: Sequence[Target]) -> list[Knock]:
        """See `Place`."""
        return _told(targets, knocking.knock_all([dataclasses.asdict(target) for target in targets], SECONDS))


@dataclass(frozen=True)
class InPod:
    """A pod with an image of the project."""

    kubectl: Kubectl
    namespace: str
    pod: str

    @property
    def name(self) -> str:
        """See `Place`."""
        return f"{self.namespace}/{self.pod}"

    def knock(self, targets: Sequence[Target]) -> list[Knock]:
        """See `Place`."""
        asked = json.dumps({"targets": [dataclasses.asdict(target) for target in targets], "seconds": SECONDS})
        words = ("exec", "-n", self.namespace, self.pod, "--", *PYTHON, inspect.getsource(knocking), asked)
        return _told(targets, json.loads(self.kubectl.run(*words)))


@dataclass(frozen=True)
class OnNode:
    """A node, outside of any pod; it can only ask by HTTP."""

    node: Node

    @property
    def name(self) -> str:
        """See `Place`."""
        return self.node.name

    def knock(self, targets: Sequence[Target]) -> list[Knock]:
        """See `Place`."""
        with ThreadPoolExecutor(6) as pool:
            return list(pool.map(self._ask, targets))

    def _ask(self, target: Target) -> Knock:
        words = [word for key, value in target.headers for word in ("-H", f"{key}: {value}")]
        status, body = self.node.curl(f"http://{target.host}:{target.port}{target.path}", *words)
        return Knock(target, "answered" if status else "no answer", status, body)


def _told(targets: Sequence[Target], told: Sequence[Sequence[Any]]) -> list[Knock]:
    return [_knock(target, *each) for target, each in zip(targets, told, strict=True)]


def _knock(target: Target, outcome: str, answer: str) -> Knock:
    head, _, body = answer.partition("\r\n\r\n")
    protocol, _, rest = head.partition(" ")
    status = int(rest[:3]) if protocol.startswith("HTTP/") else 0
    return Knock(target, outcome, status, body if status else answer)
