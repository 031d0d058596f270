"""Laws of the mesh's objects: they say exactly what the access rules say, and nothing gets through in plain text that
need not. Decisions are made as Istio makes them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from itertools import product
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eco2_operator.build import authorization_policy, peer_authentication
from eco2_operator.build.access import refusals
from eco2_operator.build.context import OPTIONAL_NAMES, Cluster, DomainContext, Peer, PodSelector
from eco2_operator.build.tiers import tier_allows
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import parse
from eco2_operator.naming import Manifest

EXAMPLES = settings(max_examples=150, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
KEYS = "/.well-known/jwks.json"
GATEWAY = "cluster.local/ns/istio-ingress/sa/istio-ingressgateway"
CLUSTER = Cluster(
    cluster_cidrs=("10.0.0.0/8",),
    store_ports={},
    dns=PodSelector("kube-system", {}),
    gateway=PodSelector("istio-ingress", {}),
    prometheus_namespace="prometheus",
    entrance_namespaces=(),
    alb_source_cidrs=("10.9.0.0/24",),
)
BALANCER, POD = "10.9.0.7", "10.1.2.3"

PATHS = ["/a", "/a/*", "/b", "/*", KEYS, "/.well-known/*", "/metrics"]
PLACES = list(product(["scan", "chat"], ["scan", "chat", "my"]))
PROTOCOLS = ["http", "http2", "grpc", "https", "tcp"]
INBOUND = st.lists(
    st.builds(
        lambda place, paths: {"namespace": place[0], "domain": place[1], **({"paths": paths} if paths else {})},
        st.sampled_from(PLACES),
        st.lists(st.sampled_from(PATHS), unique=True, max_size=2),
    ),
    max_size=4,
)
OUTBOUND = st.lists(
    st.sampled_from([{"namespace": namespace, "domain": label} for namespace, label in PLACES]), max_size=3
)
PORTS = st.lists(
    st.sampled_from([(name, 8000 + i, p) for i, name in enumerate("abc") for p in PROTOCOLS]),
    min_size=1,
    unique_by=lambda port: port[0],
)
PEERS = st.dictionaries(
    st.sampled_from(PLACES),
    st.builds(
        Peer,
        tier=st.sampled_from(["business-logic", "observability"]),
        service_account=st.sampled_from(["one", "two"]),
        callers=st.frozensets(st.sampled_from(PLACES)),
    ),
)


@st.composite
def cases(draw: st.DrawFn) -> "Case":
    ports = [{"name": name, "port": port, "appProtocol": p} for name, port, p in draw(PORTS)]
    metrics = draw(
        st.none()
        | st.fixed_dictionaries(
            {"enabled": st.booleans(), "path": st.sampled_from(["/metrics", "/metrics/*", "/*", KEYS])},
            optional={"port": st.sampled_from([port["name"] for port in ports])},
        )
    )
    access = {"inbound": draw(INBOUND), "outbound": draw(OUTBOUND)}
    if not draw(st.booleans()):
        access["ingress"] = []
    spec = {
        "image": "eco2:1",
        "workload": draw(st.sampled_from(["service", "worker"])),
        "ports": ports,
        "access": access,
        **({"metrics": metrics} if metrics else {}),
    }
    return Case(spec, DomainContext(CLUSTER, peers=draw(PEERS), routed_by_alb=draw(st.booleans()), meshed=True))


@dataclass(frozen=True)
class Request:
    """What a sidecar knows of a request."""

    port: int
    path: str = "/a"
    method: str = "GET"
    principal: str | None = None
    """None in plain text."""
    address: str = POD


@dataclass(frozen=True)
class Case:
    """A domain in the mesh."""

    spec: dict[str, Any]
    context: DomainContext

    def build(self, builder: Any, **access: Any) -> Manifest:
        made = builder.build(self.domain(**access), self.context)
        assert made is not None
        found: Manifest = made
        return found

    def domain(self, **access: Any) -> Any:
        spec = {**self.spec, "access": self.spec["access"] | access}
        resource = {
            "apiVersion": "eco2.growbin.app/v1alpha1",
            "kind": "EcoDomain",
            "metadata": {"name": "scan", "namespace": "scan"},
            "spec": spec,
        }
        return parse(resource, EcoDomainSpec)

    @property
    def rules(self) -> list[Manifest]:
        found: list[Manifest] = self.build(authorization_policy)["spec"]["rules"]
        return found

    @property
    def plain_text(self) -> set[int]:
        spec = self.build(peer_authentication)["spec"]
        return {int(port) for port, mtls in spec.get("portLevelMtls", {}).items() if mtls["mode"] == "PERMISSIVE"}

    def principal(self, namespace: str, label: str) -> str:
        peer = self.context.peers.get((namespace, label))
        return f"cluster.local/ns/{namespace}/sa/{peer.service_account if peer else label}"

    def metrics(self) -> tuple[int, str] | None:
        """Port and path of the metrics, by the words of the contract."""
        metrics = self.spec.get("metrics", {})
        ports = {port["name"]: port for port in self.spec["ports"]}
        port = ports[metrics.get("port", self.spec["ports"][0]["name"])]
        if not metrics.get("enabled", True) or (not metrics and port["appProtocol"] in ("grpc", "tcp")):
            return None
        return port["port"], metrics.get("path", "/metrics/status")

    def requests(self) -> Iterator[Request]:
        callers = [None, GATEWAY, "cluster.local/ns/x/sa/x", *(self.principal(*place) for place in PLACES)]
        paths = ["/a", "/a/x", "/b", "/metrics", "/metrics/status", "/metrics/x", KEYS, "/", "/a*"]
        for port, principal, path in product(self.spec["ports"], callers, paths):
            yield Request(port["port"], path, principal=principal)
        for port, path, method in product(self.spec["ports"], ["/a", "/metrics", KEYS], ["GET", "POST"]):
            yield Request(port["port"], path, method)
            yield Request(port["port"], path, method, address=BALANCER)


def decide(rules: list[Manifest], request: Request) -> bool:
    """ALLOW: some rule has to name the request. A field that is absent matches everything."""
    return any(_source(rule, request) and _operation(rule, request) for rule in rules)


def _source(rule: Manifest, request: Request) -> bool:
    return "from" not in rule or any(
        request.principal in source.get("principals", [request.principal])
        and _within(request.address, source.get("ipBlocks", ["0.0.0.0/0"]))
        for source in (entry["source"] for entry in rule["from"])
    )


def _operation(rule: Manifest, request: Request) -> bool:
    return "to" not in rule or any(
        str(request.port) in operation.get("ports", [str(request.port)])
        and request.method in operation.get("methods", [request.method])
        and any(matches(pattern, request.path) for pattern in operation.get("paths", ["/*"]))
        for operation in (entry["operation"] for entry in rule["to"])
    )


def _within(address: str, blocks: list[str]) -> bool:
    return any(ip_address(address) in ip_network(block) for block in blocks)


def matches(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern


def wanted(case: Case, request: Request) -> bool:
    """What the resource itself says of a request."""
    access, service = case.spec["access"], case.spec["workload"] == "service"
    if service and request.principal == GATEWAY and "ingress" not in access:
        return True
    if service and case.context.routed_by_alb and request.address == BALANCER:
        return True
    if request.method == "GET" and (request.port, request.path) == case.metrics() and not request.path.endswith("*"):
        return True
    for rule in access["inbound"]:
        if rule.get("paths") == [KEYS]:
            first = case.spec["ports"][0]["port"]
            if (request.method, request.port, request.path) == ("GET", first, KEYS):
                return True
        elif request.principal == case.principal(rule["namespace"], rule["domain"]) and any(
            matches(pattern, request.path) for pattern in rule.get("paths", ["/*"])
        ):
            return True
    return False


@EXAMPLES
@given(cases())
def test_istio_decides_what_the_access_rules_say(case: Case) -> None:
    rules = case.rules
    for request in case.requests():
        assert decide(rules, request) is wanted(case, request), request


@EXAMPLES
@given(cases())
def test_a_port_takes_plain_text_exactly_when_something_may_pass_without_an_identity(case: Case) -> None:
    without = [rule for rule in case.rules if "principals" not in rule.get("from", [{"source": {}}])[0]["source"]]
    named = {int(port) for rule in without for entry in rule["to"] for port in entry["operation"]["ports"]}
    assert case.plain_text == named
    if not case.context.routed_by_alb:
        for rule in without:  # one path each, spelled out
            (operation,) = (entry["operation"] for entry in rule["to"])
            assert operation["methods"] == ["GET"]
            assert len(operation["paths"]) == 1
            assert not operation["paths"][0].endswith("*")


@EXAMPLES
@given(cases())
def test_nothing_is_empty_which_istio_would_refuse_or_take_for_everything(case: Case) -> None:
    for rule in case.rules:
        assert rule
        for entry in (*rule.get("from", ()), *rule.get("to", ())):
            (fields,) = entry.values()
            assert fields
            assert all(values and all(values) and len(set(values)) == len(values) for values in fields.values())
    assert case.build(peer_authentication)["spec"].get("portLevelMtls") != {}


@EXAMPLES
@given(cases())
def test_the_order_of_the_callers_has_no_meaning(case: Case) -> None:
    backwards = case.spec["access"]["inbound"][::-1]
    assert case.build(authorization_policy, inbound=backwards) == case.build(authorization_policy)


@EXAMPLES
@given(cases())
def test_shadow_differs_in_the_modes_alone(case: Case) -> None:
    active, shadow = case.build(authorization_policy), case.build(authorization_policy, enforcement="shadow")
    assert shadow["metadata"].pop("annotations") == {"istio.io/dry-run": "true"}
    assert shadow == active
    modes = case.build(peer_authentication, enforcement="shadow")["spec"]
    assert modes["mtls"] == {"mode": "PERMISSIVE"}
    assert "portLevelMtls" not in modes


@EXAMPLES
@given(cases(), st.booleans(), st.sets(st.sampled_from(sorted(OPTIONAL_NAMES))))
def test_without_a_mesh_there_is_nothing_and_paths_are_told(case: Case, meshed: bool, served: set[str]) -> None:
    context = replace(case.context, meshed=meshed, served=frozenset(served))
    for builder, kind in ((authorization_policy, "AuthorizationPolicy"), (peer_authentication, "PeerAuthentication")):
        assert (builder.build(case.domain(), context) is not None) is (meshed and kind in served)
    told = [r for r in refusals(case.domain(), context) if r.reason == "NotInMesh"]
    limited = any("paths" in rule for rule in case.spec["access"]["inbound"])
    assert len(told) == (limited and not (meshed and "AuthorizationPolicy" in served))


@EXAMPLES
@given(cases())
def test_every_call_is_checked_at_both_ends(case: Case) -> None:
    reasons = {}
    for refusal in refusals(case.domain(), case.context):
        reasons[refusal.message.partition(" ")[0]] = refusal.reason
    for index, rule in enumerate(case.spec["access"]["outbound"]):
        peer = case.context.peers.get((rule["namespace"], rule["domain"]))
        expected = None
        if peer is None:
            expected = "PeerMissing"
        elif not tier_allows("business-logic", peer.tier):
            expected = "TierRefused"
        elif ("scan", "scan") not in peer.callers:
            expected = "PeerRefuses"
        assert reasons.get(f"outbound[{index}]") == expected
