from dataclasses import replace
from typing import Any

import pytest

from eco2_operator.build.access import Refusal
from eco2_operator.build.context import Cluster, DomainContext, PodSelector
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import Resource
from eco2_operator.naming import Key, Manifest, Ref
from eco2_operator.plan import Plan, assemble, plan_domain

CONTEXT = DomainContext(
    Cluster(
        cluster_cidrs=("10.0.0.0/8",),
        store_ports={"postgres": (5432,)},
        dns=PodSelector("kube-system", {"k8s-app": "kube-dns"}),
        gateway=PodSelector("istio-ingress", {"istio": "ingressgateway"}),
        prometheus_namespace="prometheus",
        entrance_namespaces=("istio-ingress",),
    )
)


def plan(context: DomainContext = CONTEXT, **spec: Any) -> Plan:
    body = {"image": "eco2:1", "port": 8000} | spec
    resource = Resource(Key("EcoDomain", "scan", "scan"), "u1", 1, {}, EcoDomainSpec.model_validate(body))
    return plan_domain(resource, context)


def manifest(kind: str, name: str = "a") -> Manifest:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "ns"}}


def test_pods_come_last_and_what_they_need_first() -> None:
    kinds = [child["kind"] for child in plan(autoscaling={"minReplicas": 2, "maxReplicas": 3}).children]
    assert kinds == [
        "ServiceAccount",
        "NetworkPolicy",
        "Service",
        "ServiceMonitor",
        "PodDisruptionBudget",
        "HorizontalPodAutoscaler",
        "Deployment",
    ]


def test_what_guards_the_pods_in_the_mesh_comes_before_them_too() -> None:
    kinds = [child["kind"] for child in plan(replace(CONTEXT, meshed=True)).children]
    guards = ["NetworkPolicy", "AuthorizationPolicy", "PeerAuthentication"]
    assert [kind for kind in kinds if kind in (*guards, "Deployment")] == [*guards, "Deployment"]


def test_what_is_not_wanted_is_not_in_the_plan() -> None:
    worker = plan(workload="worker", port=None, access={"enforcement": "shadow"})
    assert [child["kind"] for child in worker.children] == ["ServiceAccount", "Deployment"]


def test_children_are_found_by_reference_in_apply_order() -> None:
    made = plan()
    assert list(made.by_ref()) == [Ref.of(child) for child in made.children]
    assert made.by_ref()[Ref("apps", "Deployment", "scan", "scan")]["kind"] == "Deployment"


def test_refused_rules_are_told_and_allowed_ones_are_not() -> None:
    assert plan(access={"outbound": [{"data": "postgres"}]}).refused == ()
    (refusal,) = plan(access={"outbound": [{"data": "postgres"}, {"data": "redis"}]}).refused
    assert refusal.reason == "PortsUnknown"
    assert refusal.message.startswith("outbound[1] data: redis: ")


def test_two_children_of_one_reference_are_a_fault_of_the_builders() -> None:
    with pytest.raises(ValueError, match="two builders made Service ns/a"):
        assemble([manifest("Service"), None, manifest("Service")])


def test_children_that_differ_in_kind_or_name_go_together() -> None:
    children = [manifest("Service"), manifest("ServiceAccount"), manifest("Service", "b")]
    refused = (Refusal("PeerMissing", "x"),)
    assert assemble(children, refused=refused) == Plan(tuple(children), refused)
