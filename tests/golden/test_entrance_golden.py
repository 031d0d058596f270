"""Golden cases of what an EcoIngress makes at an Istio gateway: one YAML file per behaviour, its specification.

    description: what the case shows
    input: the EcoIngress
    context: hosts (default those of the spec), unresolved (path: reason), waiting (names of entrances whose policies
        are not in place), trusted_hops, served (names of optional kinds, default all)   (all optional)
    beside: further EcoIngresses of the same gateway   (optional)
    shows: the kinds the case is about                 (default all)
    expect: the manifests in apply order, the shared EnvoyFilter between guards and routes; nothing else of these kinds

A route's domain is served by the Service of that name, on port 80 or, where the route names a port, 9090.
``GOLDEN_UPDATE=1`` (``make golden``) rewrites ``expect``, which is the last key of a file.
"""

from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.golden import fields, fields_that_matter, judged, load

from eco2_operator.build.context import OPTIONAL_NAMES, Cluster, PodSelector
from eco2_operator.build.entrance import guard
from eco2_operator.build.entrance.context import (
    Admission,
    Entrance,
    EntranceContext,
    GatewayContext,
    Target,
    Unresolved,
    UnresolvedReason,
)
from eco2_operator.build.entrance.scope import gateway, through_gateway
from eco2_operator.build.entrance.targets import of_service
from eco2_operator.kinds import ENTRANCE
from eco2_operator.model.ingress import EcoIngressSpec, Route
from eco2_operator.model.resource import parse
from eco2_operator.naming import Manifest
from eco2_operator.plan import plan_entrance, plan_gateway

FOLDER = Path(__file__).parent
CASES = sorted((FOLDER / "entrance").glob("*.yaml"))
CRDS = FOLDER.parent / "support" / "crds"
KINDS = {kind.name: kind for kind in ENTRANCE}

NO_EFFECT_HERE = {
    "suspend": "acts in the reconciler",
    "alb.certificateArn": "the load balancer's Ingress",
    "alb.scheme": "the load balancer's Ingress",
    "alb.groupName": "the load balancer's Ingress",
    "alb.groupOrder": "the load balancer's Ingress",
}
"""Fields without a case here, and why."""


def made(case: dict[str, Any]) -> list[Manifest]:
    given = case.get("context") or {}
    entrance = parse(case["input"], EcoIngressSpec)
    beside = [parse(one, EcoIngressSpec) for one in case.get("beside", ())]
    hosts = tuple(given.get("hosts", entrance.spec.hosts))
    served = frozenset(given.get("served", OPTIONAL_NAMES))
    unresolved = given.get("unresolved", {})
    plan = plan_entrance(
        entrance,
        EntranceContext(
            cluster=_cluster(),
            hosts=hosts,
            targets={
                route.path: _target(entrance, route, unresolved.get(route.path))
                for route in entrance.spec.routes
                if not route.deny
            },
            served=served,
        ),
    )
    waiting = given.get("waiting", ())
    users = [(entrance, hosts), *((one, tuple(one.spec.hosts)) for one in beside)]
    shared = plan_gateway(
        GatewayContext(
            namespace=gateway(entrance).namespace,
            selector=gateway(entrance).selector,
            entrances=tuple(_admission(one, own, waiting) for one, own in users if through_gateway(one)),
            trusted_hops=given.get("trusted_hops", 0),
        )
    )
    everything = (*plan.guards.children, *(shared.children if served else ()), *plan.routes.children)
    return [manifest for manifest in everything if manifest["kind"] in case.get("shows", KINDS)]


def _admission(one: Entrance, hosts: tuple[str, ...], waiting: Collection[str]) -> Admission:
    entries = (guard.entry(one, hosts),) if hosts and one.name not in waiting else ()
    return Admission(one, hosts, frozenset(entries))


def _cluster() -> Cluster:
    nothing = PodSelector("kube-system", {})
    return Cluster((), {}, nothing, nothing, "prometheus", ("platform-system",))


def _target(entrance: Entrance, route: Route, reason: UnresolvedReason | None) -> Target | Unresolved:
    if reason is not None:
        return Unresolved(reason, "why and what to do")
    if route.service is not None:
        return of_service(route.service, entrance.namespace, _cluster())
    assert route.domain is not None
    port = 9090 if route.port else 80
    return Target(route.domain.namespace or entrance.namespace, route.domain.name, port, "/health")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    found, expected = judged(path, made)
    assert found == expected


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_case_says_what_it_shows_and_spells_its_keys(path: Path) -> None:
    case = load(path)
    assert len(case["description"]) > 20
    assert {"description", "input", "expect"} <= set(case)
    assert set(case) <= {"description", "input", "context", "beside", "shows", "expect"}
    assert set(case.get("context") or {}) <= {"hosts", "unresolved", "waiting", "trusted_hops", "served"}
    assert set(case.get("shows", ())) <= KINDS.keys()


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_istios_schemas_know_every_field(path: Path) -> None:
    for manifest in made(load(path)):
        assert list(_strangers(manifest["spec"], _schema(manifest["kind"]), "spec")) == []


def test_every_field_has_a_case_in_which_it_matters() -> None:
    assert sorted(set(fields(EcoIngressSpec)) - NO_EFFECT_HERE.keys() - _shown()) == []


def test_no_field_is_excused_that_has_an_effect() -> None:
    assert NO_EFFECT_HERE.keys() <= set(fields(EcoIngressSpec))
    assert sorted(NO_EFFECT_HERE.keys() & _shown()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_there_in_one_case_and_missing_in_another(kind: str) -> None:
    found = {kind in {m["kind"] for m in made(case)} for case in map(load, CASES) if kind in case.get("shows", KINDS)}
    assert found == {True, False}


@cache
def _schema(kind: str) -> dict[str, Any]:
    versions = yaml.safe_load((CRDS / f"{KINDS[kind].plural}.{KINDS[kind].group}.yaml").read_text())["spec"]["versions"]
    version = next(version for version in versions if version["name"] == KINDS[kind].version)
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return schema


def _strangers(value: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    """Fields that the schema does not know, would drop, or misses."""
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return
    if isinstance(value, dict):
        further = schema.get("additionalProperties")
        known = schema.get("properties", {})
        yield from (f"{path}.{name} is required" for name in set(schema.get("required", ())) - value.keys())
        for name, entry in value.items():
            if name not in known and not isinstance(further, dict):
                yield f"{path}.{name} is unknown"
            else:
                yield from _strangers(entry, known.get(name, further), f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strangers(item, schema["items"], f"{path}[{index}]")
    elif value not in schema.get("enum", [value]):
        yield f"{path} is none of {schema['enum']}"


@cache
def _shown() -> frozenset[str]:
    return frozenset(field for path in CASES for field in fields_that_matter(load(path), made))
