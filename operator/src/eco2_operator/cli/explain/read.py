"""What `eco2 explain` reads: the two ends, and everything that may decide between them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from eco2_operator.build.context import Cluster, Domain, PodSelector
from eco2_operator.build.labels import domain_label
from eco2_operator.build.network_peers import NAMESPACE_NAME
from eco2_operator.build.pod_template import pod_template
from eco2_operator.cache import Cache
from eco2_operator.claims import Scope
from eco2_operator.cli.cluster import Reader
from eco2_operator.cli.configuration import load_settings
from eco2_operator.cli.entrances.view import Views
from eco2_operator.cli.errors import CliError, note
from eco2_operator.cli.explain.ends import Pods
from eco2_operator.cli.explain.gates import World
from eco2_operator.cli.explain.names import Named
from eco2_operator.errors import InvalidSpec
from eco2_operator.gather import domain_context
from eco2_operator.kinds import (
    AUTHORIZATION_POLICY,
    ECO_DOMAIN,
    ECO_INGRESS,
    NAMESPACE,
    NETWORK_POLICY,
    OPTIONAL,
    PEER_AUTHENTICATION,
    POD,
    SERVICE,
    VIRTUAL_SERVICE,
    Kind,
)
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import parse
from eco2_operator.naming import Manifest, child_name

PROXY: Final = "istio-proxy"
"""Name of the mesh's container."""
_PROMETHEUS: Final = ("app.kubernetes.io/name", "app")
"""Labels by which Prometheus is told from others in its namespace."""


@dataclass(slots=True)
class Surroundings:
    """What is read once, whoever the ends are."""

    reader: Reader
    cluster: Cluster
    cache: Cache
    domains: list[Manifest]
    namespaces: Mapping[str, Mapping[str, str]]
    """Labels of every namespace."""
    entrances: Views
    served: frozenset[str]
    found: dict[str, list[Manifest]] = field(default_factory=dict)
    """Pods by namespace."""

    @classmethod
    def read(cls, reader: Reader) -> "Surroundings":
        """Every EcoDomain, EcoIngress and namespace."""
        cache = Cache()
        cache.served = reader.served(OPTIONAL)
        domains, namespaces = reader.objects(ECO_DOMAIN), reader.objects(NAMESPACE)
        for obj in (*domains, *reader.objects(ECO_INGRESS), *namespaces):
            cache.put(obj)
        settings = load_settings()
        views = Views(cache, settings)
        for faulty in views.faulty:
            metadata = faulty["metadata"]
            note(f"note: EcoIngress {metadata['namespace']}/{metadata['name']} cannot be understood and is left aside")
        labels = {obj["metadata"]["name"]: obj["metadata"].get("labels") or {} for obj in namespaces}
        return cls(reader, settings.cluster, cache, domains, labels, views, cache.served)

    def domain(self, named: Named) -> Domain:
        """The EcoDomain somebody named: with its namespace, in the present one, or the only one of that name.

        Raises:
            CliError: when there is none, or more than one, or it has a fault.
        """
        same = [obj for obj in self.domains if obj["metadata"]["name"] == named.name]
        here = [obj for obj in same if obj["metadata"]["namespace"] == (named.namespace or self.reader.namespace)]
        chosen = here or ([] if named.namespace else same)
        if len(chosen) > 1:
            places = ", ".join(sorted(f"{obj['metadata']['namespace']}/{named.name}" for obj in chosen))
            raise CliError(f"several EcoDomains are named {named.name}: say which, one of {places}")
        if not chosen:
            where = f"{named.namespace}/{named.name}" if named.namespace else named.name
            raise CliError(f"no EcoDomain {where}: `eco2 status -A` lists all")
        try:
            return parse(chosen[0], EcoDomainSpec)
        except InvalidSpec as error:
            raise CliError(f"EcoDomain {named.name}: {error}") from None

    def pods_of_domain(self, domain: Domain) -> Pods:
        """The serving pods of a domain, as they are, or as they would be made when there are none."""
        made = pod_template(domain, {})
        name, label = child_name(domain.name), domain_label(domain)
        wanted = {"app.kubernetes.io/name": name, "domain": label}
        live = newest(pod for pod in self._pods(domain.namespace) if wanted.items() <= _labels(pod).items())
        title = f"EcoDomain {domain.namespace}/{domain.name}"
        return self._from(live, title, domain.namespace, made["metadata"]["labels"], account=name, domain=domain)

    def gateway(self, scope: Scope | None = None) -> Pods:
        """The pods of a gateway; by default of the one in the settings. They are proxies of the mesh themselves."""
        usual = self.cluster.gateway
        place = usual if scope is None else PodSelector(scope.namespace, dict(scope.selector))
        live = newest(pod for pod in self._pods(place.namespace) if place.labels.items() <= _labels(pod).items())
        title = "the gateway" if place == usual else f"the gateway in namespace {place.namespace}"
        found = self._from(live, title, place.namespace, place.labels, role="gateway")
        return replace(found, sidecar=True)

    def prometheus(self) -> Pods:
        """Prometheus: the pods of its namespace that say so, else any of them."""
        namespace = self.cluster.prometheus_namespace
        pods = self._pods(namespace)
        mine = [pod for pod in pods if any(_labels(pod).get(key) == "prometheus" for key in _PROMETHEUS)]
        return self._from(newest(mine or pods), "Prometheus", namespace, {}, role="prometheus")

    def stores(self, store: str, port: int) -> list[Pods]:
        """The pods of a data store, each sort once; without pods its namespaces."""
        found = {}
        for namespace, labels in sorted(self.namespaces.items()):
            if labels.get("data-type") != store:
                continue
            title = f"{store} in namespace {namespace}"
            pods = self._pods(namespace)
            serving = [pod for pod in pods if any(p.get("containerPort") == port for p in _ports(pod))] or pods
            some: Sequence[Manifest | None] = serving or [None]
            for each in some:
                made = self._from(each, title, namespace, {}, role="store", store=store)
                found[namespace, tuple(sorted(made.labels.items()))] = made
        return list(found.values())

    def node_port(self, domain: Domain, port: str) -> int | None:
        """The node port that leads to a container port of a domain, by the Service it has."""
        service = self.reader.get(SERVICE, domain.namespace, child_name(domain.name))
        ports = (service or {}).get("spec", {}).get("ports") or ()
        return next((p["nodePort"] for p in ports if p.get("nodePort") and p.get("targetPort") == port), None)

    def virtual_services(self) -> list[Manifest]:
        """Every VirtualService, where there are any."""
        return self.reader.objects(VIRTUAL_SERVICE) if VIRTUAL_SERVICE.name in self.served else []

    def world(self, *ends: Pods) -> World:
        """Every policy that may be about these pods."""
        namespaces = sorted({end.namespace for end in ends})
        meshed = sorted({*namespaces, self.cluster.istiod_namespace})
        domains = [end.domain for end in ends if end.domain is not None]
        return World(
            cluster=self.cluster,
            contexts={(d.namespace, d.name): domain_context(d, self.cache, self.cluster) for d in domains},
            network_policies=tuple(self._all(NETWORK_POLICY, namespaces)),
            authorization_policies=tuple(self._all(AUTHORIZATION_POLICY, meshed)),
            peer_authentications=tuple(self._all(PEER_AUTHENTICATION, meshed)),
        )

    def _all(self, kind: Kind, namespaces: Iterable[str]) -> list[Manifest]:
        if kind in OPTIONAL and kind.name not in self.served:
            return []
        return [obj for namespace in namespaces for obj in self.reader.objects(kind, namespace)]

    def _pods(self, namespace: str) -> list[Manifest]:
        if namespace not in self.found:
            self.found[namespace] = self.reader.objects(POD, namespace)
        return self.found[namespace]

    def _from(self, pod: Manifest | None, title: str, namespace: str, labels: Mapping[str, str], **more: Any) -> Pods:
        """Pods like this one; without one, pods with these labels in that namespace."""
        # Every namespace has this label, one that is still to come too.
        around = {NAMESPACE_NAME: namespace, **self.namespaces.get(namespace, {})}
        if pod is None:
            return Pods(title, namespace, labels, around, sidecar=_injected(around, labels), live=False, **more)
        spec, status = pod.get("spec") or {}, pod.get("status") or {}
        more["account"] = spec.get("serviceAccountName") or "default"
        return Pods(
            title, namespace, _labels(pod), around, address=status.get("podIP", ""), sidecar=_has_proxy(spec), **more
        )


def newest(pods: Iterable[Manifest]) -> Manifest | None:
    """The pod that was made last and is not about to go."""
    staying = (pod for pod in pods if not pod["metadata"].get("deletionTimestamp"))
    return max(
        staying, key=lambda p: (p["metadata"].get("creationTimestamp") or "", p["metadata"]["name"]), default=None
    )


def _labels(pod: Mapping[str, Any]) -> dict[str, str]:
    return pod["metadata"].get("labels") or {}


def _ports(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [port for container in pod["spec"].get("containers") or () for port in container.get("ports") or ()]


def _has_proxy(spec: Mapping[str, Any]) -> bool:
    containers = (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
    return any(container["name"] == PROXY for container in containers)


def _injected(namespace: Mapping[str, str], pod: Mapping[str, str]) -> bool:
    """Whether Istio would put a proxy before a pod."""
    injection = namespace.get("istio-injection")
    meshed = injection == "enabled" or (injection is None and bool(namespace.get("istio.io/rev")))
    return meshed and pod.get("sidecar.istio.io/inject") != "false"
