"""A cluster, an operator in it, and the proxy between the two."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eco2_operator.kinds import ECO_DOMAIN
from eco2_testcluster.embedded import EmbeddedCluster
from support import cluster as clusters
from support.api import NAMESPACE, Api
from support.domains import Domain, manifest
from support.faults.exchange import WRITING, Match, watching
from support.faults.proxy import FaultProxy
from support.operator import Operator
from support.waits import eventually

WATCHED_AT_LEAST = 9
"""Watches of an operator that has started: six kinds of children, pods, ReplicaSets and EcoDomains."""


@dataclass
class Rig:
    """What a fault test works with."""

    cluster: EmbeddedCluster
    api: Api
    proxy: FaultProxy
    operator: Operator
    made: list[str] = field(default_factory=list)

    @classmethod
    def build(cls, cluster: EmbeddedCluster, api: Api, folder: Path) -> "Rig":
        """Start the proxy; the operator is started by the test."""
        operator = Operator(cluster)
        proxy = FaultProxy(cluster, folder, user=operator.user, groups=operator.groups)
        operator.settings = {"KUBECONFIG": str(proxy.kubeconfig)}
        return cls(cluster, api, proxy, operator)

    def close(self) -> None:
        """Stop the operator and the proxy, and remove what was made."""
        self.operator.stop()
        self.proxy.close()
        for name in self.made:
            self.api.delete(NAMESPACE, "", name)

    # -- the operator ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the operator; returns when it is ready and every watch is open."""
        since = time.monotonic()
        self.operator.start()
        eventually(lambda: self.watches_since(since) >= WATCHED_AT_LEAST)

    def watches_since(self, moment: float) -> int:
        """How many watches were opened since then and are still open."""
        return sum(watch.exchange.at >= moment for watch in self.proxy.watches())

    def kill(self) -> None:
        """End the operator as a crash of its node would, and see that nothing it asked for is done later."""
        self.operator.kill()
        self.proxy.cut()

    def supervise(self) -> int | None:
        """Start the operator again if it has ended, as a kubelet would; its exit code then."""
        if self.operator.is_alive():
            return None
        code = self.operator.child.wait() if self.operator.child is not None else 0
        self.operator.process = self.operator.child = None
        self.start()
        return code

    @contextmanager
    def running_with(self, **settings: str) -> Iterator[None]:
        """An operator with further settings for a while; afterwards none runs."""
        before = self.operator.settings
        self.operator.stop()
        self.operator.settings = {**before, **settings}
        try:
            self.start()
            yield
        finally:
            self.operator.stop()
            self.operator.settings = before

    # -- domains ---------------------------------------------------------------------------------------------

    def namespace(self, purpose: str) -> str:
        """A new namespace."""
        name = f"f-{purpose}-{uuid.uuid4().hex[:6]}"
        clusters.create_namespace(self.api, name)
        self.made.append(name)
        return name

    def create(self, namespace: str, **spec: Any) -> Domain:
        """A new EcoDomain called ``scan``."""
        self.api.create(ECO_DOMAIN, manifest(namespace, **spec))
        return Domain(self.api, namespace, "scan")

    def domain(self, purpose: str, **spec: Any) -> Domain:
        """A new EcoDomain in a namespace of its own."""
        return self.create(self.namespace(purpose), **spec)

    def ready(self, purpose: str, **spec: Any) -> Domain:
        """A Ready EcoDomain in a namespace of its own, with nothing left to write about it."""
        return self.ready_in(self.namespace(purpose), **spec)

    def ready_in(self, namespace: str, **spec: Any) -> Domain:
        """The same in a namespace that is there already."""
        domain = self.create(namespace, **spec)
        self.settle(domain)
        return domain

    def settle(self, *domains: Domain, quiet: float = 1.5, within: float = 60.0) -> None:
        """Wait until these are whole and the operator has written nothing about them for so many seconds."""
        for domain in domains:
            eventually(domain.is_whole, within=within)
        eventually(lambda: all(self.silence(domain.namespace) >= quiet for domain in domains), within=within)

    def silence(self, namespace: str, match: Match = WRITING) -> float:
        """Seconds since the latest write in a namespace."""
        asked = self.proxy.asked(match.of(namespace))
        return time.monotonic() - asked[-1].at if asked else float("inf")

    def watched(self, resource: str) -> None:
        """Wait until the operator has a watch of that resource."""
        eventually(lambda: self.proxy.watches(watching(resource)))
