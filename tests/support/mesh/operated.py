"""A gateway whose entrances are the business of the real operator."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from eco2_operator.kinds import ECO_DOMAIN, ECO_INGRESS, VIRTUAL_SERVICE
from support import cluster as clusters
from support import domains
from support.api import Object
from support.mesh.entrance import SERVICES, World, service
from support.mesh.mesh import MANAGER
from support.mesh.objects import SERVICE_ENTRY
from support.mesh.rendering import KINDS, NAMESPACE
from support.mesh.upstream import Upstream
from support.operator import Operator
from support.waits import eventually


@dataclass(frozen=True)
class Operated:
    """What a person does with EcoIngresses, and what can be seen of them."""

    world: World
    operator: Operator

    def create(self, ingress: Object) -> None:
        """Create an EcoIngress."""
        self.world.mesh.api.create(ECO_INGRESS, ingress)

    def change(self, ingress: Object) -> None:
        """Replace the spec of an EcoIngress."""
        name, namespace = ingress["metadata"]["name"], ingress["metadata"]["namespace"]
        live = self.world.mesh.api.read(ECO_INGRESS, namespace, name)
        body = {**live, "spec": ingress["spec"]}
        self.world.mesh.api.request("PUT", ECO_INGRESS.path(namespace, name), body, fieldManager="kubectl-replace")

    def delete(self, ingress: Object) -> None:
        """Delete an EcoIngress; returns at once."""
        self.world.mesh.api.delete(ECO_INGRESS, ingress["metadata"]["namespace"], ingress["metadata"]["name"])

    @contextmanager
    def service(self, name: str) -> Iterator[Upstream]:
        """Have one more domain, in a namespace of its own."""
        api = self.world.mesh.api
        with Upstream(name) as upstream:
            self.world.mesh.namespace(name)
            api.apply(SERVICE_ENTRY, service(name, name, 80, upstream.port), manager=MANAGER)
            api.create(ECO_DOMAIN, domains.manifest(name, name))
            yield upstream

    def is_gone(self, ingress: Object) -> bool:
        """Whether nothing is left of an EcoIngress, at the gateway either."""
        name, namespace = ingress["metadata"]["name"], ingress["metadata"]["namespace"]
        if self.world.mesh.api.get(ECO_INGRESS, namespace, name) is not None:
            return False
        return not {f"{namespace}-{name}", f"{namespace}-{name}-deny"} & self.at_the_gateway()

    def has_routes(self, ingress: Object) -> bool:
        """Whether there is a VirtualService of it."""
        name, namespace = ingress["metadata"]["name"], ingress["metadata"]["namespace"]
        return self.world.mesh.api.get(VIRTUAL_SERVICE, namespace, name) is not None

    def at_the_gateway(self) -> set[str]:
        """Names of everything that belongs to an entrance."""
        kinds = [kind for kind in KINDS.values() if kind != VIRTUAL_SERVICE]
        return {each["metadata"]["name"] for kind in kinds for each in self.world.mesh.api.items(kind)}

    def condition(self, ingress: Object, name: str) -> Mapping[str, Any]:
        """A condition of an EcoIngress; AssertionError while there is none."""
        live = self.world.mesh.api.read(ECO_INGRESS, ingress["metadata"]["namespace"], ingress["metadata"]["name"])
        found = [each for each in live.get("status", {}).get("conditions", ()) if each["type"] == name]
        assert found, f"no condition {name} in {live.get('status')}"
        assert live["status"]["observedGeneration"] == live["metadata"]["generation"]
        condition: Mapping[str, Any] = found[0]
        return condition

    def is_settled(self, ingress: Object) -> bool:
        """Whether the operator has finished with it."""
        return self.condition(ingress, "Reconciling")["status"] == "False"


@contextmanager
def operated(world: World) -> Iterator[Operated]:
    """Start the operator beside a gateway without entrances; every service has its domain."""
    api = world.mesh.api
    clusters.install(api, clusters.crds())
    world.mesh.namespace(NAMESPACE)
    operator = Operator(world.mesh.cluster)
    operator.start()
    try:
        for name in SERVICES:
            api.create(ECO_DOMAIN, domains.manifest(name, name))
        eventually(lambda: len(api.items(ECO_DOMAIN)) == len(SERVICES))
        yield Operated(world, operator)
    finally:
        operator.stop()
