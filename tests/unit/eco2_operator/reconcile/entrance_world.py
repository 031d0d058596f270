"""EcoIngresses on an API server in memory: both reconcilers, a queue that works until nothing is left, time by hand."""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from tests.unit.eco2_operator.fakes import NOW, Clock, FakeApi, Write, eco_domain

from eco2_operator import concerns
from eco2_operator.build.context import OPTIONAL_NAMES
from eco2_operator.build.entrance.envoy_filter import ref as filter_of
from eco2_operator.build.entrance.envoy_filter import said
from eco2_operator.build.entrance.names import entrance_id, gateway_key
from eco2_operator.cache import Cache, Change
from eco2_operator.claims import HostClaims
from eco2_operator.entrances import Entrances, without_spec
from eco2_operator.finalizer import FINALIZER
from eco2_operator.kinds import ECO_INGRESS, by_name
from eco2_operator.naming import API_VERSION, Key, Manifest, Ref
from eco2_operator.reconcile.entrance import EntranceReconciler
from eco2_operator.reconcile.gateway import GatewayReconciler
from eco2_operator.reconcile.settling import SETTLE_SECONDS, Settling
from eco2_operator.settings import Settings
from eco2_operator.status.conditions import find
from eco2_operator.workqueue import Retry

G = "istio-ingress"
SELECTOR = {"istio": "ingressgateway"}
GATE = gateway_key(G, SELECTOR)
OWN = "web"
KEY = Key("EcoIngress", OWN, "api")
HOST = "api.example.org"
ALLOWED: HostClaims = {"": (OWN, "shop", G)}
CLUSTER = Settings.model_construct(entrance_namespaces=(OWN, "shop", G)).cluster
ROUTES: list[Manifest] = [{"path": "/scan", "domain": {"name": "scan", "namespace": "shop"}}]


def ingress(name: str = "api", namespace: str = OWN, **spec: Any) -> Manifest:
    """An EcoIngress as a user writes it."""
    return {
        "apiVersion": API_VERSION,
        "kind": "EcoIngress",
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-of-{namespace}-{name}"},
        "spec": {"hosts": [HOST], "routes": ROUTES, **spec},
    }


def gateway_pod(namespace: str = G, labels: dict[str, str] = SELECTOR) -> Manifest:
    """A pod of the gateway."""
    metadata = {"name": "gateway-1", "namespace": namespace, "uid": "pod", "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}


class World:
    """A cluster with a gateway and the domain `scan`."""

    def __init__(self, *, allowed: HostClaims = ALLOWED) -> None:
        self.api, self.clock, self.allowed = FakeApi(), Clock(), allowed
        self.api.store(gateway_pod())
        self.api.store(eco_domain())
        self.timers: dict[Key, float] = {}
        self.restart()

    def restart(self) -> None:
        """A new process: it remembers nothing, and lists everything."""
        self.cache = Cache()
        self.cache.served = OPTIONAL_NAMES
        self.queue: list[Key] = []
        self.timers.clear()
        entrances = Entrances(self.cache, self.allowed)
        policies, routes = Settling(self.clock), Settling(self.clock)
        self.gateways = GatewayReconciler(
            self.api, self.cache, entrances, CLUSTER, policies, wake=self.queue.append, clock=self.clock
        )
        self.entrances = EntranceReconciler(
            self.api,
            self.cache,
            entrances,
            self.gateways,
            CLUSTER,
            policies,
            routes,
            wake=self.queue.append,
            clock=self.clock,
            now=lambda: NOW,
            instance="test",
        )
        self.watch()

    # -- what users and others do ----------------------------------------------------------------------------------

    def put(self, obj: Manifest, *, created: str = "2026-11-22T10:00:00Z") -> None:
        """Create or replace an object; what the operator has added to its metadata stays."""
        obj = deepcopy(obj)
        live = self.api.objects.get(Ref.of(obj))
        if obj["kind"] == "EcoIngress":
            obj["metadata"]["creationTimestamp"] = created
        if live is not None and live["metadata"].get("finalizers"):
            self.api.edit(Ref.of(obj), {("spec",): obj["spec"]})
        else:
            self.api.store(obj)

    def delete(self, key: Key = KEY) -> None:
        """Ask for an EcoIngress to go."""
        ref = ref_of(key)
        if self.api.objects[ref]["metadata"].get("finalizers"):
            self.api.edit(ref, {("metadata", "deletionTimestamp"): NOW})
        else:
            self.api.remove(ref)

    # -- what the operator does ------------------------------------------------------------------------------------

    def watch(self) -> None:
        """The watch delivers what has changed, and whom it concerns is queued."""
        for ref, obj in list(self.api.objects.items()):
            metadata = obj["metadata"]
            if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
                self.api.remove(ref)
                continue
            kind = by_name(ref.group, ref.kind)
            labels = metadata.get("labels") or {}
            if kind is None or (ref.group != ECO_INGRESS.group and "app.kubernetes.io/managed-by" not in labels):
                continue
            before, former = self.cache.get(ref), self.cache.owner(ref)
            if self.cache.put(obj) is not Change.SAME:
                self.queue += concerns.by_change(self.cache, kind, ref, before, obj)
                self.queue += [former] if former is not None else []
        for ref in [ref for ref in self.cache._entries if not self._is_watched(ref)]:
            kind, before = by_name(ref.group, ref.kind), self.cache.get(ref)
            assert kind is not None
            owner = self.cache.remove(ref)
            self.queue += concerns.by_removal(self.cache, kind, ref, before, owner)

    def _is_watched(self, ref: Ref) -> bool:
        labels = (self.api.objects.get(ref) or {"metadata": {}})["metadata"].get("labels") or {}
        return ref in self.api.objects and (ref.group == ECO_INGRESS.group or "app.kubernetes.io/managed-by" in labels)

    async def step(self) -> None:
        """Work until nothing is left to do now."""
        for _ in range(200):
            self.watch()
            due = [key for key, at in self.timers.items() if at <= self.clock()]
            keys = [key for key in dict.fromkeys([*self.queue, *due]) if key.kind in ("EcoIngress", "Gateway")]
            self.queue.clear()
            if not keys:
                return
            for key in keys:
                self.timers.pop(key, None)
                reconciler = self.gateways if key.kind == "Gateway" else self.entrances
                retry: Retry | None = await reconciler(key)
                if retry is not None:
                    self.timers[key] = self.clock() + (1.0 if retry.after is None else max(retry.after, 0.001))
        raise AssertionError(f"it does not come to rest: {self.api.writes[-10:]}")

    async def settle(self, times: int = 4) -> None:
        """Work and let time pass until all has settled."""
        for _ in range(times):
            await self.step()
            self.clock.turn(SETTLE_SECONDS)
        await self.step()

    # -- what can be seen ------------------------------------------------------------------------------------------

    def take(self) -> list[str]:
        """What was written since the last call, as ``apply Kind namespace/name``."""
        writes, self.api.writes = self.api.writes, []
        return [_named(write) for write in writes if write.ref.kind != "Event"]

    def kinds(self, *, without: Iterable[str] = ()) -> list[str]:
        """Kinds of the objects that the operator has made, sorted."""
        return sorted(
            ref.kind
            for ref, obj in self.api.objects.items()
            if "app.kubernetes.io/managed-by" in (obj["metadata"].get("labels") or {}) and ref.kind not in without
        )

    def live(self, key: Key = KEY) -> Manifest:
        """The EcoIngress."""
        return self.api.objects[ref_of(key)]

    def condition(self, kind: str, key: Key = KEY) -> tuple[str, str]:
        """Status and reason of a condition."""
        found = find(self.live(key)["status"]["conditions"], kind)
        assert found is not None
        return found["status"], found["reason"]

    def message(self, kind: str, key: Key = KEY) -> str:
        """Message of a condition."""
        return str((find(self.live(key)["status"]["conditions"], kind) or {})["message"])

    def states(self, key: Key = KEY) -> list[tuple[str, str]]:
        """Path and state of every route."""
        return [(route["path"], route["state"]) for route in self.live(key)["status"]["routes"]]

    def is_admitted(self, key: Key = KEY, gateway: Key = GATE) -> bool:
        """Whether the live EnvoyFilter has its id."""
        obj = self.api.objects.get(ref_of(key)) or ingress(key.name, key.namespace)
        return entrance_id(without_spec(obj)) in said(self.api.objects.get(filter_of(gateway)))

    def is_held(self, key: Key = KEY) -> bool:
        """Whether it has the finalizer."""
        return FINALIZER in (self.live(key)["metadata"].get("finalizers") or ())


def ref_of(key: Key) -> Ref:
    """The EcoIngress of a key."""
    return Ref(ECO_INGRESS.group, key.kind, key.namespace, key.name)


def _named(write: Write) -> str:
    what = f"{write.ref.kind}/{write.subresource}" if write.subresource else write.ref.kind
    return f"{write.verb} {what} {write.ref.namespace}/{write.ref.name}"
