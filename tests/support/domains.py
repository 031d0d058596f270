"""An EcoDomain under test: what a person does with it, and what can be seen of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eco2_operator.kinds import (
    CHILDREN,
    DEPLOYMENT,
    ECO_DOMAIN,
    EVENT,
    HORIZONTAL_POD_AUTOSCALER,
    NETWORK_POLICY,
    POD,
    POD_DISRUPTION_BUDGET,
    SERVICE,
    SERVICE_ACCOUNT,
    Kind,
)
from eco2_operator.naming import API_VERSION
from support.api import Api, Object
from support.waits import eventually

IMAGE = "docker.io/mng990/eco2:scan-1.0.0"
STANDARD = frozenset({SERVICE_ACCOUNT, NETWORK_POLICY, SERVICE, POD_DISRUPTION_BUDGET, DEPLOYMENT})
"""The kinds of children of a domain with two replicas."""
AUTOSCALED = STANDARD | {HORIZONTAL_POD_AUTOSCALER}


def manifest(namespace: str, name: str = "scan", **spec: Any) -> Object:
    """An EcoDomain: a service with two replicas unless `spec` says otherwise; a field given as None is left out."""
    scaling = {} if "autoscaling" in spec else {"replicas": 2}
    wanted = {"image": IMAGE, "port": 8000, **scaling, **spec}
    return {
        "apiVersion": API_VERSION,
        "kind": ECO_DOMAIN.name,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {field: value for field, value in wanted.items() if value is not None},
    }


@dataclass(frozen=True)
class Domain:
    """One EcoDomain in the cluster."""

    api: Api
    namespace: str
    name: str

    # -- what a person does ----------------------------------------------------------------------------------

    def patch(self, **spec: Any) -> Object:
        """Change fields of the spec; None removes one."""
        return self.api.patch(ECO_DOMAIN, self.namespace, self.name, {"spec": spec})

    def annotate(self, **annotations: str | None) -> Object:
        """Set annotations under eco2.growbin.app/; None removes one."""
        named = {f"eco2.growbin.app/{name}": value for name, value in annotations.items()}
        return self.api.patch(ECO_DOMAIN, self.namespace, self.name, {"metadata": {"annotations": named}})

    def delete(self) -> None:
        """Delete it."""
        self.api.delete(ECO_DOMAIN, self.namespace, self.name)

    # -- what can be seen ------------------------------------------------------------------------------------

    @property
    def live(self) -> Object:
        """The resource as stored."""
        return self.api.read(ECO_DOMAIN, self.namespace, self.name)

    @property
    def status(self) -> Object:
        """Its status; AssertionError while that belongs to an older spec."""
        live = self.live
        status: Object = live.get("status") or {}
        generation = live["metadata"]["generation"]
        assert status.get("observedGeneration") == generation, f"status of generation {generation} is not there"
        return status

    def condition(self, kind: str) -> Object:
        """One condition of the present spec."""
        found = [c for c in self.status["conditions"] if c["type"] == kind]
        assert found, f"no condition {kind}"
        assert len(found) == 1
        condition: Object = found[0]
        return condition

    def says(self, kind: str, status: str, reason: str | None = None) -> str:
        """The message of a condition that has this status and reason; AssertionError when it has another."""
        condition = self.condition(kind)
        found = (condition["status"], condition["reason"] if reason else None)
        assert found == (status, reason), f"{kind} is {condition}"
        return str(condition["message"]) or "(no message)"

    def is_ready(self) -> bool:
        """Whether it is Ready for its present spec; AssertionError, with the reason, when it is not."""
        return bool(self.says("Ready", "True"))

    def is_whole(self) -> bool:
        """Whether it is Ready, and the status is about the children there are now."""
        named = (
            item for item in self.status["inventory"] if item["name"] == self.name
        )  # a migration has its own policy
        inventory = {item["kind"]: item["uid"] for item in named}
        children = {kind.name: uid for kind, uid in self.uids().items()}
        assert inventory == children, f"the inventory is {inventory}, the children are {children}"
        return self.is_ready()

    def becomes_ready(self) -> "Domain":
        """Wait until it is Ready."""
        eventually(self.is_ready)
        return self

    def becomes(self, status: str, reason: str) -> str:
        """Wait until Ready has this status and reason; its message."""
        return eventually(lambda: self.says("Ready", status, reason))

    def find(self, kind: Kind) -> Object | None:
        """Its child of that kind, if there is one."""
        return self.api.get(kind, self.namespace, self.name)

    def child(self, kind: Kind) -> Object:
        """Its child of that kind; AssertionError when there is none."""
        return self.api.read(kind, self.namespace, self.name)

    def children(self) -> dict[Kind, Object]:
        """Every child there is."""
        found = {kind: self.find(kind) for kind in CHILDREN}
        return {kind: obj for kind, obj in found.items() if obj is not None}

    def uids(self) -> dict[Kind, str]:
        """The identity of every child."""
        return {kind: obj["metadata"]["uid"] for kind, obj in self.children().items()}

    def edit(self, kind: Kind, patch: Mapping[str, Any], *, manager: str = "kubectl-edit") -> Object:
        """Change a child behind the operator's back."""
        return self.api.patch(kind, self.namespace, self.name, patch, manager=manager)

    def remove(self, kind: Kind) -> None:
        """Delete a child behind the operator's back."""
        self.api.delete(kind, self.namespace, self.name)

    def pods(self) -> list[Object]:
        """Its pods that are not being deleted."""
        found = self.api.items(POD, self.namespace, selector=f"app.kubernetes.io/name={self.name}")
        return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]

    def events(self) -> list[tuple[str, str]]:
        """(type, reason) of the Events about it, oldest first."""
        found = [e for e in self.api.items(EVENT, self.namespace) if e["involvedObject"].get("kind") == ECO_DOMAIN.name]
        mine = [e for e in found if e["involvedObject"]["name"] == self.name]
        mine.sort(key=lambda e: int(e["metadata"]["resourceVersion"]))
        return [(e["type"], e["reason"]) for e in mine]
