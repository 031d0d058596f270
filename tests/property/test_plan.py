"""Laws of the plan, over EcoDomains drawn from the models themselves: every field, every bound, every pattern."""

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from ipaddress import ip_network
from itertools import combinations
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le, MaxLen, MinLen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from eco2_operator.build.context import OPTIONAL_NAMES, Cluster, DomainContext, Peer, PodSelector
from eco2_operator.build.network_ingress import SIDECAR_METRICS_PORT
from eco2_operator.gather import service_node_ports
from eco2_operator.model import pod as pod_models
from eco2_operator.model.access import Outbound
from eco2_operator.model.base import LIST_KEYS, LIST_TYPE, Check, DnsLabel, Model
from eco2_operator.model.domain import EcoDomainSpec, Tier
from eco2_operator.model.files import FileMount, SecretUse, Volume
from eco2_operator.model.resource import Resource, parse
from eco2_operator.model.rollout import Autoscaling, Pdb, Rollout
from eco2_operator.model.service import Health, ServiceSpec
from eco2_operator.model.template import Placement, PodSpec
from eco2_operator.naming import Manifest, Ref
from eco2_operator.plan import Plan, plan_domain

Json = Any
EXAMPLES = settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)

# Strategies from types: a field's annotation and metadata say all there is to know.

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)


def _is_not_mapped(address: Any) -> bool:
    return address.ipv4_mapped is None


CIDRS = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)),
    st.tuples(st.ip_addresses(v=6).filter(_is_not_mapped), st.integers(0, 128)),
).map(lambda pair: f"{pair[0]}/{pair[1]}")
RESOURCE_NAMES = st.sampled_from(["cpu", "memory", "ephemeral-storage", "nvidia.com/gpu"])
PATTERN = re.compile(r'\.matches\(r"(.*?)"\)')
WORDS = (
    *(
        "",
        "a",
        "b",
        "app",
        "tmp",
        "temp",
        "http",
        "x-1",
        "secret-a",
        "secrets-a",
        "configmap-a",
        "A",
        "B_C",
        "KEY",
        "3d",
    ),
    *("a.b", "a-b", "b.c.d", "team", "example.com/team", "app.kubernetes.io/name", "domain", "Zz.9", "_u"),
    *("/", "/a", "/b", "/etc/a", "/etc/secrets/a", "/srv/tmp", "/a/*", "/health?", "/%20", "/a,b=c"),
    *("0%", "25%", "100%", "1", "0", "100m", "0.5", "1Gi", "64Mi", "1e3", "2.50", "limits.cpu", "requests.memory"),
    *("status.podIP", "spec.nodeName", "metadata.name", "metadata.labels['team']"),
    *("eco2:1.0", "eco2:dev-latest", "eco2", "r:5000/a/b@sha256:" + "0" * 64, "ghcr.io/eco2/a:main"),
)
ONE_OF: Mapping[type[Model], tuple[str, ...]] = {
    pod_models.EnvSource: ("secretKeyRef", "configMapKeyRef", "fieldRef", "resourceFieldRef"),
    pod_models.EnvFromSource: ("secretRef", "configMapRef"),
    FileMount: ("configMap", "secret"),
    Outbound: ("domain", "data", "external", "cidr"),
    Pdb: ("maxUnavailable", "minAvailable"),
}
"""Models of which exactly one field of a group is given."""


def of_type(annotation: Any, metadata: tuple[Any, ...] = (), extra: Json = None) -> st.SearchStrategy[Json]:
    """Values of an annotation that its own constraints allow."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return of_type(inner, (*metadata, *_flat(more)), extra)
    if get_origin(annotation) in (Union, UnionType):
        options = [of_type(a, metadata, extra) for a in get_args(annotation) if a is not NoneType]
        return st.one_of(options)
    if get_origin(annotation) is Literal:
        return st.sampled_from(get_args(annotation))
    if get_origin(annotation) is list:
        return _lists(get_args(annotation)[0], metadata, extra or {})
    if get_origin(annotation) is dict:
        return _maps(get_args(annotation)[1], metadata)
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return of_model(annotation)
    checks = [m.rule.holds for m in metadata if isinstance(m, Check) and m.rule.holds]
    scalars: dict[Any, Callable[[tuple[Any, ...]], st.SearchStrategy[Json]]] = {
        bool: lambda _: st.booleans(),
        int: lambda m: st.integers(_bound(m, Ge, "ge", 0), _bound(m, Le, "le", 2000)),
        str: _strings,
    }
    return scalars[annotation](metadata).filter(lambda value: all(holds(value) for holds in checks))


@st.composite
def of_model(draw: st.DrawFn, model: type[Model]) -> Json:
    """A JSON object of a model; laws over several fields are kept by `REPAIRS`."""
    # A composite, because hypothesis warns of the huge text that a nested strategy prints as.
    return draw(_objects(model))


@cache
def _objects(model: type[Model]) -> st.SearchStrategy[Json]:
    fields = {
        info.alias or name: of_type(info.annotation, tuple(info.metadata), info.json_schema_extra)
        for name, info in model.model_fields.items()
    }
    required = {info.alias or name for name, info in model.model_fields.items() if info.is_required()}
    choice = ONE_OF.get(model, ())
    must = {name: strategy for name, strategy in fields.items() if name in required}
    may = {name: s for name, s in fields.items() if name not in required and name not in choice}
    options = [st.fixed_dictionaries({**must, name: fields[name]}, optional=may) for name in choice]
    objects = st.one_of(options) if options else st.fixed_dictionaries(must, optional=may)
    return objects.map(REPAIRS.get(model, dict))


def _flat(metadata: list[Any]) -> Iterator[Any]:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from item.metadata
        else:
            yield item


def _bound(metadata: tuple[Any, ...], kind: type, attribute: str, default: int) -> int:
    return next((getattr(m, attribute) for m in metadata if isinstance(m, kind)), default)


def _lists(item: Any, metadata: tuple[Any, ...], extra: Mapping[str, Any]) -> st.SearchStrategy[Json]:
    least = _bound(metadata, MinLen, "min_length", 0)
    keys = extra.get(LIST_KEYS)
    unique: Callable[[Json], Any] | None = None
    if extra.get(LIST_TYPE) == "map" and keys:
        unique = lambda entry: tuple(entry.get(key) for key in keys)  # noqa: E731
    elif extra.get(LIST_TYPE) == "set":
        unique = lambda entry: entry  # noqa: E731
    return st.lists(of_type(item), min_size=least, max_size=max(least, 3), unique_by=unique)


def _maps(values: Any, metadata: tuple[Any, ...]) -> st.SearchStrategy[Json]:
    checks = [m.rule for m in metadata if isinstance(m, Check)]
    keys = RESOURCE_NAMES
    if not any("ephemeral-storage" in rule.cel for rule in checks):
        keys = st.sampled_from(_words(_pattern(metadata) or "", 60))
    maps = st.dictionaries(keys, of_type(values), max_size=2)
    return maps.filter(lambda value: all(rule.holds is None or rule.holds(value) for rule in checks))


def _pattern(metadata: tuple[Any, ...]) -> str | None:
    found = (PATTERN.search(m.rule.cel) for m in metadata if isinstance(m, Check))
    return next((match[1] for match in found if match), None)


def _strings(metadata: tuple[Any, ...]) -> st.SearchStrategy[str]:
    most = _bound(metadata, MaxLen, "max_length", 64)
    pattern = _pattern(metadata)
    if any(isinstance(m, Check) and "isCIDR" in m.rule.cel for m in metadata):
        return CIDRS
    if pattern is None:
        return TEXT.filter(lambda text: len(text) >= _bound(metadata, MinLen, "min_length", 0))
    return st.sampled_from(_words(pattern, most))


def _words(pattern: str, most: int) -> list[str]:
    """Words of a pattern, short ones and ones of the greatest length. From a pool: drawing from an expression is slow,
    and with few words the same one turns up in places where it must not."""
    expression = re.compile(pattern, re.ASCII)
    long = [word + fill * (most - len(word)) for word in WORDS for fill in "x0"]
    words = [word for word in (*WORDS, *long) if len(word) <= most and expression.fullmatch(word)]
    assert len(words) > 1, f"no words for {pattern}"
    return sorted(set(words))


# Laws over several fields: drop what contradicts the rest.


def _without(value: Json, *names: str) -> Json:
    return {name: entry for name, entry in value.items() if name not in names}


def _env_var(value: Json) -> Json:
    return _without(value, "value") if "valueFrom" in value else value


def _outbound(value: Json) -> Json:
    value = value if "domain" in value else _without(value, "namespace")
    return {**value, "port": value.get("port", 443)} if "cidr" in value else _without(value, "port")


def _health(value: Json) -> Json:
    if value.get("kind") == "exec":
        return {**value, "command": value.get("command", ["true"])}
    return _without(value, "command")


def _secret_use(value: Json) -> Json:
    return value if value.get("as") == "files" else _without(value, "mountPath")


def _service(value: Json) -> Json:
    return _without(value, "externalTrafficPolicy") if value.get("type") == "ClusterIP" else value


def _toleration(value: Json) -> Json:
    if "key" not in value:
        value = {**value, "operator": "Exists"}
    if value.get("operator") == "Exists":
        value = _without(value, "value")
    return value if value.get("effect") == "NoExecute" else _without(value, "tolerationSeconds")


def _resource_field(value: Json) -> Json:
    return value if (value.get("divisor") == "1m") == value["resource"].endswith(".cpu") else _without(value, "divisor")


def _container(value: Json) -> Json:
    """Names of ports only on the first of them."""
    ports = value.get("ports", [])
    return {**value, "ports": [*ports[:1], *(_without(port, "name") for port in ports[1:])]} if ports else value


def _resources(value: Json) -> Json:
    return {
        k: {n: q for n, q in v.items() if k == "limits" or n not in value.get("limits", ())} for k, v in value.items()
    }


def _autoscaling(value: Json) -> Json:
    low, high = sorted((value.get("minReplicas", 1), value["maxReplicas"]))
    return {**value, "minReplicas": low, "maxReplicas": high}


def _rollout(value: Json) -> Json:
    if value.get("drainSeconds", 5) >= value.get("terminationGracePeriodSeconds", 30):
        value = _without(value, "drainSeconds", "terminationGracePeriodSeconds")
    if value.get("maxSurge", 1) in (0, "0%") and value.get("maxUnavailable", 0) in (0, "0%"):
        value = _without(value, "maxSurge")
    return value


def _placement(value: Json) -> Json:
    return _without(value, "nodeSelector") if "node" in value else value


def _pod(value: Json) -> Json:
    inits = [c for c in value.get("initContainers", []) if c["name"] != "app"]
    taken = {"app", *(c["name"] for c in inits)}
    sidecars = [c for c in value.get("sidecars", []) if c["name"] not in taken]
    return {**value, "initContainers": inits, "sidecars": sidecars}


def _volume(value: Json) -> Json:
    return {**value, "name": "temp"} if value["name"] == "tmp" else value


def _ports(spec: Json) -> Json:
    """One of port and ports; numbers that are used once."""
    spec = _without(spec, "port") if "ports" in spec else spec
    if "ports" not in spec and "port" not in spec and spec.get("workload") != "worker":
        spec = {**spec, "port": 8000}
    bare = spec.get("workload") == "worker" or spec.get("service", {}).get("type") == "ClusterIP"
    if "ports" in spec:
        kept: list[Json] = []
        used: set[tuple[str, int]] = set()
        for entry in spec["ports"]:
            port = _without(entry, "nodePort") if bare else entry
            numbers = {
                ("port", port["port"]),
                ("service", port.get("servicePort") or (port["port"] if kept else 80)),
                *([("node", port["nodePort"])] if "nodePort" in port else []),
            }
            if not numbers & used:
                kept.append(port)
                used |= numbers
        spec = {**spec, "ports": kept}
        if "nodePort" in kept[0] or ("node", spec.get("nodePort")) in used:
            spec = _without(spec, "nodePort")
    return _without(spec, "nodePort") if bare else spec


def _spec(spec: Json) -> Json:
    spec = _ports(spec)
    spec = _without(spec, "service") if spec.get("workload") == "worker" else spec
    spec = _without(spec, "replicas") if "autoscaling" in spec else spec
    names = [port["name"] for port in spec.get("ports", [{"name": "http"}] if "port" in spec else [])]
    for user in ("health", "metrics"):
        if spec.get(user, {}).get("port") not in names:
            spec = {**spec, user: _without(spec[user], "port")} if user in spec else spec
    if not names:
        spec = _without(spec, "metrics")
        spec = spec if spec.get("health", {}).get("kind") == "exec" else _without(spec, "health")
    return _folders(spec)


def _folders(spec: Json) -> Json:
    """Every folder once; extra containers mount what there is."""
    used: set[str] = set()
    for kind in ("volumes", "files", "secrets"):
        kept = []
        for entry in spec.get(kind, []):
            default = f"/etc/secrets/{entry['name']}" if entry.get("as") == "files" else None
            path = entry.get("mountPath", default)
            if path not in used:
                kept.append(entry)
                used |= {path} - {None}
        spec = {**spec, kind: kept}
    there = {"tmp", *(volume["name"] for volume in spec["volumes"])}
    pod = dict(spec.get("pod", {}))
    for kind in ("initContainers", "sidecars"):
        pod[kind] = [
            {
                **c,
                "volumeMounts": [
                    {**m, "name": m["name"] if m["name"] in there else "tmp"} for m in c.get("volumeMounts", [])
                ],
            }
            for c in pod.get(kind, [])
        ]
    return {**spec, "pod": pod}


REPAIRS: Mapping[type[Model], Callable[[Json], Json]] = {
    pod_models.Container: _container,
    pod_models.EnvVar: _env_var,
    pod_models.ResourceFieldSelector: _resource_field,
    pod_models.Resources: _resources,
    pod_models.Toleration: _toleration,
    Autoscaling: _autoscaling,
    EcoDomainSpec: _spec,
    Health: _health,
    Outbound: _outbound,
    Placement: _placement,
    PodSpec: _pod,
    Rollout: _rollout,
    SecretUse: _secret_use,
    ServiceSpec: _service,
    Volume: _volume,
}
NAMES = of_type(DnsLabel)
RESOURCES = st.fixed_dictionaries(
    {
        "apiVersion": st.just("eco2.growbin.app/v1alpha1"),
        "kind": st.just("EcoDomain"),
        "metadata": st.fixed_dictionaries(
            {"name": NAMES, "namespace": NAMES},
            optional={
                "uid": st.uuids().map(str),
                "labels": st.just({"app.kubernetes.io/instance": "argo", "mark": "x"}),
                "annotations": st.just({"eco2.growbin.app/restart": "1", "argocd.argoproj.io/sync-wave": "60"}),
            },
        ),
        "spec": of_model(EcoDomainSpec),
    }
)
TIERS: st.SearchStrategy[Tier] = st.sampled_from(get_args(Tier))
PEERS = st.builds(Peer, tier=TIERS, service_account=st.just("peer"), callers=st.just(frozenset()))


@st.composite
def cases(draw: st.DrawFn) -> "Case":
    """A resource and its surroundings."""
    resource = draw(RESOURCES)
    outbound = resource["spec"].get("access", {}).get("outbound", [])
    namespace = resource["metadata"]["namespace"]
    peers = [(rule.get("namespace", namespace), rule["domain"]) for rule in outbound if "domain" in rule]
    names = [port["name"] for port in resource["spec"].get("ports", [])] or ["http"]
    cluster = Cluster(
        cluster_cidrs=tuple(draw(st.lists(CIDRS, max_size=4))),
        store_ports=draw(st.dictionaries(st.sampled_from(["postgres", "redis", "rabbitmq"]), st.just((5432, 6379)))),
        dns=PodSelector("kube-system", {"k8s-app": "kube-dns"}),
        gateway=PodSelector("istio-ingress", {"istio": "ingressgateway"}),
        prometheus_namespace="prometheus",
        entrance_namespaces=("istio-ingress",),
        alb_source_cidrs=tuple(draw(st.lists(CIDRS, max_size=2))),
    )
    context = DomainContext(
        cluster=cluster,
        node_ports=draw(st.dictionaries(st.sampled_from(names), st.integers(30000, 32767))),
        routed_by_alb=draw(st.booleans()),
        peers={peer: draw(PEERS) for peer in draw(st.lists(st.sampled_from(peers)) if peers else st.just([]))},
        served=frozenset(draw(st.sets(st.sampled_from(sorted(OPTIONAL_NAMES))))),
        meshed=draw(st.booleans()),
    )
    return Case(resource, context)


def domain_of(resource: Json) -> Resource[EcoDomainSpec]:
    return parse(resource, EcoDomainSpec)


@dataclass(frozen=True)
class Case:
    """A resource, its surroundings, and the plan that was made of them."""

    resource: Json
    context: DomainContext

    @cached_property
    def plan(self) -> Plan:
        return plan_domain(domain_of(self.resource), self.context)

    @cached_property
    def children(self) -> dict[str, Manifest]:
        """By kind. The migration's, which are of the same kinds, are left out."""
        return {
            child["kind"]: child
            for child in self.plan.children
            if child["metadata"]["labels"]["app.kubernetes.io/component"] != "migration"
        }

    @property
    def template(self) -> Manifest:
        found: Manifest = self.children["Deployment"]["spec"]["template"]
        return found

    @property
    def containers(self) -> list[Manifest]:
        pod = self.template["spec"]
        return [*pod["containers"], *pod.get("initContainers", [])]

    def like(self, resource: Json) -> "Case":
        """Another resource in the same surroundings."""
        return Case(resource, self.context)


def the_order_of_the_input_has_no_meaning(case: Case) -> None:
    for other in (case.resource, _backwards(case.resource)):
        again = case.like(other).plan
        assert json.dumps(again.children) == json.dumps(case.plan.children)
        assert again.refused == case.plan.refused


def _backwards(value: Json) -> Json:
    """The same JSON with every object's entries in reverse order."""
    if isinstance(value, dict):
        return {key: _backwards(value[key]) for key in reversed(value)}
    return [_backwards(entry) for entry in value] if isinstance(value, list) else value


def plans_share_nothing(case: Case) -> None:
    domain = domain_of(case.resource)
    before = json.dumps(case.plan.children)
    for child in plan_domain(domain, case.context).children:
        _spoil(child)
    assert json.dumps(plan_domain(domain, case.context).children) == before


def _spoil(value: Json) -> None:
    for entry in list(value.values() if isinstance(value, dict) else value):
        if isinstance(entry, dict | list):
            _spoil(entry)
    value.clear()


def nothing_empty_is_written_that_the_server_would_not_store(case: Case) -> None:
    for child in case.plan.children:
        for path in _empties(child, ""):
            # The server stores an empty gRPC service; empty lists of rules are there to be compared. See the builders.
            assert path in (".spec.ingress", ".spec.rules") or path.endswith(".grpc.service")


def _empties(value: Json, path: str) -> Iterator[str]:
    if value is None or (isinstance(value, str | list | dict) and not value):
        yield path
    if path.endswith((".annotations", ".labels", ".nodeSelector")) and value:
        return  # values of a map may be empty
    for key, entry in value.items() if isinstance(value, dict) else ():
        yield from _empties(entry, f"{path}.{key}")
    for entry in value if isinstance(value, list) else ():
        if entry != "":  # an empty argument is an argument
            yield from _empties(entry, f"{path}[]")


def names_are_valid_and_told_apart(case: Case) -> None:
    assert len({Ref.of(child) for child in case.plan.children}) == len(case.plan.children)
    metadata = case.resource["metadata"]
    for child in case.plan.children:
        assert re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", child["metadata"]["name"])
        assert child["metadata"]["namespace"] == metadata["namespace"]
        owners = child["metadata"].get("ownerReferences", [])
        assert [owner["uid"] for owner in owners] == ([metadata["uid"]] if "uid" in metadata else [])


def labels_are_complete_and_nothing_of_the_resource_is_copied(case: Case) -> None:
    names = ("name", "part-of", "component", "managed-by")
    for child in (*case.plan.children, case.template):
        labels = child["metadata"]["labels"]
        assert labels.keys() >= {*(f"app.kubernetes.io/{name}" for name in names), "tier", "role", "domain"}
        assert all(len(value) <= 63 for value in labels.values())
        assert not {"app.kubernetes.io/instance", "mark"} & labels.keys()
        assert "argocd.argoproj.io/sync-wave" not in child["metadata"].get("annotations", {})


def volumes_mounts_and_variables_are_told_apart(case: Case) -> None:
    names = [volume["name"] for volume in case.template["spec"]["volumes"]]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name) for name in names)
    for container in case.containers:
        paths = [mount["mountPath"] for mount in container["volumeMounts"]]
        variables = [variable["name"] for variable in container.get("env", [])]
        assert len(set(paths)) == len(paths)
        assert len(set(variables)) == len(variables)
        assert {mount["name"] for mount in container["volumeMounts"]} <= set(names)
        assert "/tmp" in paths  # noqa: S108


def every_container_is_hardened(case: Case) -> None:
    pod = case.template["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    for container in case.containers:
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["privileged"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security.get("runAsUser", 1) > 0


def a_policy_never_opens_everything_by_an_empty_list(case: Case) -> None:
    policy = case.children.get("NetworkPolicy")
    if policy is None:
        assert case.resource["spec"]["access"]["enforcement"] == "shadow"
        return
    own = {port["containerPort"] for port in case.template["spec"]["containers"][0].get("ports", [])}
    for rule in policy["spec"]["ingress"]:
        assert rule["from"]
        assert rule["ports"]
        assert {port["port"] for port in rule["ports"]} <= own | (
            {SIDECAR_METRICS_PORT} if case.context.meshed else set()
        )
    for rule in policy["spec"]["egress"]:
        assert rule["to"]
        # Only calls to other domains leave the ports open: those are the target's business.
        assert rule.get("ports") or all("domain" in peer["podSelector"]["matchLabels"] for peer in rule["to"])
        assert all(port["protocol"] for port in rule.get("ports", ()))


def holes_lie_strictly_within_their_range(case: Case) -> None:
    policy = case.children.get("NetworkPolicy", {"spec": {"egress": []}})
    for rule in policy["spec"]["egress"]:
        for peer in rule["to"]:
            block = peer.get("ipBlock", {"cidr": "0.0.0.0/0"})
            whole, holes = ip_network(block["cidr"]), [ip_network(hole) for hole in block.get("except", ())]
            assert all(hole != whole and hole.subnet_of(whole) for hole in holes)  # type: ignore[arg-type]
            assert not any(a.overlaps(b) for a, b in combinations(holes, 2))


def node_ports_once_allocated_stay(case: Case) -> None:
    if "Service" not in case.children:
        return
    service = copy.deepcopy(case.children["Service"])
    ports = service["spec"]["ports"]
    free = iter(sorted(set(range(30000, 30040)) - {port.get("nodePort") for port in ports}))
    if service["spec"]["type"] == "NodePort":  # as the API server would
        for port in ports:
            port.setdefault("nodePort", next(free))
    again = Case(case.resource, replace(case.context, node_ports=service_node_ports(service)))
    assert again.children == {**case.children, "Service": service}


def every_refused_rule_is_named_by_its_index(case: Case) -> None:
    access = case.resource["spec"].get("access", {})
    for refusal in case.plan.refused:
        listed = access["inbound" if refusal.reason == "NotInMesh" else "outbound"]
        indexes = [int(index) for index in re.findall(r"(?:in|out)bound\[(\d+)\]", refusal.message)]
        assert indexes
        assert all(index < len(listed) for index in indexes)
    outbound = [r.message.partition(" ")[0] for r in case.plan.refused if r.reason != "NotInMesh"]
    assert len(set(outbound)) == len(outbound)


LAWS = (
    the_order_of_the_input_has_no_meaning,
    plans_share_nothing,
    nothing_empty_is_written_that_the_server_would_not_store,
    names_are_valid_and_told_apart,
    labels_are_complete_and_nothing_of_the_resource_is_copied,
    volumes_mounts_and_variables_are_told_apart,
    every_container_is_hardened,
    a_policy_never_opens_everything_by_an_empty_list,
    holes_lie_strictly_within_their_range,
    node_ports_once_allocated_stay,
    every_refused_rule_is_named_by_its_index,
)


@EXAMPLES
@given(cases())
def test_every_plan_obeys_the_laws(case: Case) -> None:
    for law in LAWS:  # in one test, since drawing an example costs more than all the laws
        law(case)


@settings(EXAMPLES, max_examples=100)
@given(cases(), of_model(EcoDomainSpec))
def test_selectors_hang_on_the_name_and_the_domain_alone(case: Case, other: Json) -> None:
    name = case.resource["metadata"]["name"]
    label = case.resource["spec"].get("domain", name)
    wanted = {"app.kubernetes.io/name": name, "domain": label}
    for changed in (case, case.like({**case.resource, "spec": {**other, "domain": label}})):
        assert changed.children["Deployment"]["spec"]["selector"] == {"matchLabels": wanted}
        assert wanted.items() <= changed.template["metadata"]["labels"].items()
        for kind, field in SELECTORS.items():
            if kind in changed.children:
                found = changed.children[kind]["spec"][field]
                assert found == (wanted if kind == "Service" else {"matchLabels": wanted})


SELECTORS = {
    "Service": "selector",
    "NetworkPolicy": "podSelector",
    "PodDisruptionBudget": "selector",
    "ServiceMonitor": "selector",
    "AuthorizationPolicy": "selector",
    "PeerAuthentication": "selector",
}
