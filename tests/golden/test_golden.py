"""Golden cases: one YAML file per behaviour of the builders. A case is the specification of that behaviour.

    description: what the case shows
    input: the EcoDomain
    context: node_ports, routed_by_alb, peers ("namespace/domain": {tier, service_account, callers}), served, meshed,
        cluster (overrides)   (optional)
    expect:
      - {kind: Service, name: scan, match: exact, object: ...}    the whole manifest
      - {kind: Deployment, name: scan, match: subset, object: ..., without: [spec.replicas]}
      - {kind: NetworkPolicy, name: scan, match: absent}
    refused: Plan.refused, each as {reason, message}              (optional, default none)
    error: a part of the InvalidSpec message, instead of expect

In a subset, maps may hold further keys and lists of named things further elements; other lists are compared whole.
``GOLDEN_UPDATE=1`` (``make golden``) rewrites the objects of exact expectations; ``expect`` is the last key of a file.
"""

from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.golden import UPDATE, fields, fields_that_matter, load

from eco2_operator.build.context import OPTIONAL_NAMES, Cluster, DomainContext, Peer, PodSelector
from eco2_operator.errors import InvalidSpec
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import parse
from eco2_operator.plan import DOMAIN_BUILDERS, Builder, Plan, plan_domain

CASES = sorted((Path(__file__).parent / "domain").glob("*.yaml"))

CLUSTER: dict[str, Any] = {
    "cluster_cidrs": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
    "store_ports": {"postgres": (5432,), "redis": (6379, 26379), "rabbitmq": (5672,)},
    "dns": {"namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}},
    "gateway": {"namespace": "istio-ingress", "labels": {"istio": "ingressgateway"}},
    "prometheus_namespace": "prometheus",
    "entrance_namespaces": ("istio-ingress", "platform-system"),
    "alb_source_cidrs": (),
}
"""The defaults of the settings, written down: a case must not depend on the environment."""

NO_EFFECT_YET = {
    "suspend": "acts in the reconciler: a suspended resource is planned, but not applied",
    **dict.fromkeys(
        (f"migrations.{field}" for field in ("args", "image", "env", "timeoutSeconds", "retries")),
        "goes into the migration Job, which is made outside the plan",
    ),
}
"""Fields without a golden case, and why. Those below them are included."""


def context(given: dict[str, Any] | None) -> DomainContext:
    given = given or {}
    cluster = CLUSTER | given.get("cluster", {})
    cluster |= {name: PodSelector(**cluster[name]) for name in ("dns", "gateway")}
    cluster |= {n: tuple(cluster[n]) for n in ("cluster_cidrs", "entrance_namespaces", "alb_source_cidrs")}
    return DomainContext(
        cluster=Cluster(**cluster),
        node_ports=given.get("node_ports", {}),
        routed_by_alb=given.get("routed_by_alb", False),
        peers={_place(peer): _peer(facts) for peer, facts in given.get("peers", {}).items()},
        served=frozenset(given.get("served", OPTIONAL_NAMES)),
        meshed=given.get("meshed", False),
    )


def _place(peer: str) -> tuple[str, str]:
    namespace, label = peer.split("/")
    return namespace, label


def _peer(facts: dict[str, Any]) -> Peer:
    return Peer(**{**facts, "callers": frozenset(map(_place, facts.get("callers", ())))})


def plan(case: dict[str, Any]) -> Plan:
    return plan_domain(parse(case["input"], EcoDomainSpec), context(case.get("context")))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    case = load(path)
    if "error" in case:
        with pytest.raises(InvalidSpec) as caught:
            plan(case)
        assert case["error"] in str(caught.value)
        return
    made = plan(case)
    if UPDATE:
        _rewrite(path, case, made)
    assert [asdict(refusal) for refusal in made.refused] == case.get("refused", [])
    assert case["expect"], "a case expects something"
    by_name = {(ref.kind, ref.name): child for ref, child in made.by_ref().items()}
    for wanted in case["expect"]:
        child = by_name.get((wanted["kind"], wanted["name"]))
        if wanted["match"] == "absent":
            assert child is None
            continue
        assert child is not None, f"no {wanted['kind']} {wanted['name']}"
        if wanted["match"] == "exact":
            assert child == wanted["object"]
        else:
            assert wanted["match"] == "subset"
            assert list(_missing(wanted["object"], child, "")) == []
            assert [field for field in wanted.get("without", ()) if _holds(child, field)] == []


def test_every_field_has_a_case_in_which_it_matters() -> None:
    missing = {f for f in fields(EcoDomainSpec) if not f.startswith(tuple(NO_EFFECT_YET))} - _shown()
    assert sorted(missing) == []


def test_no_field_is_excused_that_has_an_effect() -> None:
    assert NO_EFFECT_YET.keys() <= set(fields(EcoDomainSpec))
    # Below the top of an excused branch, a required field matters to the schema.
    assert sorted(NO_EFFECT_YET.keys() & _shown()) == []


@pytest.mark.parametrize("builder", DOMAIN_BUILDERS, ids=lambda builder: builder.__module__.rpartition(".")[2])
def test_every_builder_has_an_exact_case_and_each_optional_one_an_absent_case(builder: Builder) -> None:
    kinds, matches, optional = set(), set(), False
    for case in (case for case in map(load, CASES) if "error" not in case):
        made = builder(parse(case["input"], EcoDomainSpec), context(case.get("context")))
        optional |= made is None
        for wanted in case["expect"]:
            if made is None and wanted["match"] == "absent":
                matches.add(("absent", wanted["kind"]))
            elif made is not None and (wanted["kind"], wanted["name"]) == (made["kind"], made["metadata"]["name"]):
                kinds.add(made["kind"])
                matches.add((wanted["match"], made["kind"]))
    (kind,) = kinds
    assert ("exact", kind) in matches
    assert ("absent", kind) in matches or not optional


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_case_says_what_it_shows_and_spells_its_keys(path: Path) -> None:
    case = load(path)
    assert len(case["description"]) > 20
    assert set(case) <= {"description", "input", "context", "expect", "refused", "error"}
    assert ("error" in case) != ("expect" in case)


def _missing(wanted: Any, made: Any, path: str) -> Iterator[str]:
    if isinstance(wanted, dict) and isinstance(made, dict):
        for key, value in wanted.items():
            if key in made:
                yield from _missing(value, made[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}: absent"
    elif isinstance(wanted, list) and isinstance(made, list) and all(_named(item) for item in wanted):
        by_name = {item["name"]: item for item in made if _named(item)}
        for item in wanted:
            yield from _missing(item, by_name.get(item["name"]), f"{path}[{item['name']}]")
    elif wanted != made:
        yield f"{path}: {made!r} instead of {wanted!r}"


def _named(item: Any) -> bool:
    return isinstance(item, dict) and "name" in item


def _holds(manifest: Any, field: str) -> bool:
    """Whether a dotted path exists; in a list any element will do."""
    head, _, rest = field.partition(".")
    if isinstance(manifest, list):
        return any(_holds(item, field) for item in manifest)
    if not isinstance(manifest, dict) or head not in manifest:
        return False
    return not rest or _holds(manifest[head], rest)


@cache
def _shown() -> frozenset[str]:
    cases = (case for case in map(load, CASES) if "error" not in case)
    return frozenset(field for case in cases for field in fields_that_matter(case, plan))


def _rewrite(path: Path, case: dict[str, Any], made: Plan) -> None:
    children = {(ref.kind, ref.name): child for ref, child in made.by_ref().items()}
    for wanted in case["expect"]:
        if wanted["match"] == "exact":
            wanted["object"] = children[wanted["kind"], wanted["name"]]
    head = path.read_text().partition("\nexpect:\n")[0]
    tail = yaml.safe_dump({"expect": case["expect"]}, sort_keys=False, width=120, allow_unicode=True)
    path.write_text(f"{head}\n{tail}")
