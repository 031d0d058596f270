"""An EcoIngress under test: what a person does with it, and what can be seen of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from eco2_operator.build.entrance.envoy_filter import ref as filter_of
from eco2_operator.build.entrance.envoy_filter import said
from eco2_operator.build.entrance.names import entrance_id, gateway_key
from eco2_operator.entrances import without_spec
from eco2_operator.kinds import AUTHORIZATION_POLICY, ECO_INGRESS, ENTRANCE, POD, VIRTUAL_SERVICE, Kind
from eco2_operator.naming import API_VERSION
from support.api import Api, Object
from support.cluster import crds
from support.waits import eventually

CRDS = Path(__file__).parent / "crds"
GATEWAY_NAMESPACE = "istio-ingress"
SELECTOR = {"istio": "ingressgateway"}
GATE = gateway_key(GATEWAY_NAMESPACE, SELECTOR)
PASSED_BY = ("WaitingForGateway",)
"""Reasons of Ready that an EcoIngress passes on its way."""


def definitions() -> list[Object]:
    """Our definitions, and those of Istio that an entrance needs."""
    istio = [CRDS / f"{kind.plural}.{kind.group}.yaml" for kind in ENTRANCE]
    return [*crds(), *(yaml.safe_load(path.read_text()) for path in istio)]


def gateway_pod(name: str = "gateway", namespace: str = GATEWAY_NAMESPACE) -> Object:
    """A pod of the gateway."""
    return {
        "apiVersion": "v1",
        "kind": POD.name,
        "metadata": {"name": name, "namespace": namespace, "labels": SELECTOR},
        "spec": {"containers": [{"name": "istio-proxy", "image": "docker.io/istio/proxyv2:1.30.0"}]},
    }


def manifest(namespace: str, name: str = "api", **spec: Any) -> Object:
    """An EcoIngress with a host of its own."""
    return {
        "apiVersion": API_VERSION,
        "kind": ECO_INGRESS.name,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"hosts": [f"{name}.{namespace}.example.org"], **spec},
    }


@dataclass(frozen=True)
class Entrance:
    """One EcoIngress in the cluster."""

    api: Api
    namespace: str
    name: str = "api"

    @property
    def outside(self) -> str:
        """What its objects in the gateway's namespace are called."""
        return f"{self.namespace}-{self.name}"

    # -- what a person does ------------------------------------------------------------------------------------

    def patch(self, **spec: Any) -> Object:
        """Change fields of the spec."""
        return self.api.patch(ECO_INGRESS, self.namespace, self.name, {"spec": spec})

    def delete(self) -> None:
        """Delete it."""
        self.api.delete(ECO_INGRESS, self.namespace, self.name)

    # -- what can be seen --------------------------------------------------------------------------------------

    @property
    def live(self) -> Object:
        """The resource as stored."""
        return self.api.read(ECO_INGRESS, self.namespace, self.name)

    @property
    def is_gone(self) -> bool:
        """Whether it is not there any more."""
        return self.api.get(ECO_INGRESS, self.namespace, self.name) is None

    @property
    def status(self) -> Object:
        """Its status; AssertionError while that belongs to an older spec."""
        live = self.live
        status: Object = live.get("status") or {}
        generation = live["metadata"]["generation"]
        assert status.get("observedGeneration") == generation, f"status of generation {generation} is not there"
        return status

    def says(self, kind: str, status: str, reason: str) -> str:
        """The message of a condition that has this status and reason; AssertionError when it has another."""
        (condition,) = [c for c in self.status["conditions"] if c["type"] == kind]
        assert (condition["status"], condition["reason"]) == (status, reason), f"{kind} is {condition}"
        return str(condition["message"])

    def becomes(self, kind: str, status: str, reason: str) -> str:
        """Wait for a condition; its message."""
        return eventually(lambda: self.says(kind, status, reason))

    def becomes_ready(self) -> "Entrance":
        """Wait until it is Ready."""
        self.becomes("Ready", "True", "Ready")
        return self

    def routes(self) -> dict[str, str]:
        """The state of every route."""
        return {route["path"]: route["state"] for route in self.status["routes"]}

    def made(self) -> dict[Kind, list[str]]:
        """Names of everything that exists for it alone, in both namespaces."""
        found: dict[Kind, list[str]] = {}
        for kind in ENTRANCE:
            for namespace in (self.namespace, GATEWAY_NAMESPACE):
                names = [obj["metadata"]["name"] for obj in self.api.items(kind, namespace)]
                own = self.name if kind is VIRTUAL_SERVICE else self.outside
                found[kind] = found.get(kind, []) + [n for n in names if n == own or n == f"{self.outside}-deny"]
        return {kind: sorted(set(names)) for kind, names in found.items() if names}

    def virtual_service(self) -> Object:
        """Its VirtualService."""
        return self.api.read(VIRTUAL_SERVICE, self.namespace, self.name)

    def policy(self) -> Object:
        """Its AuthorizationPolicy that has ext-authz asked."""
        return self.api.read(AUTHORIZATION_POLICY, GATEWAY_NAMESPACE, self.outside)

    def is_admitted(self) -> bool:
        """Whether the gateway lets its routes answer."""
        ref = filter_of(GATE)
        live = self.api.get(ENTRANCE[3], ref.namespace, ref.name)
        return entrance_id(without_spec(self.live)) in said(live)
