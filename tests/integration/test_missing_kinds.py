"""A kind the cluster does not serve stops neither the operator nor the other children; it is taken up when it comes."""

from collections.abc import Callable
from typing import Any

import pytest
from support import cluster as clusters
from support.api import CRD
from support.domains import STANDARD, Domain
from support.operator import Operator
from support.waits import eventually, stays

from eco2_operator.kinds import ECO_INGRESS, NETWORK_POLICY
from eco2_operator.naming import API_VERSION

pytestmark = pytest.mark.cluster

SUBNET = "10.20.0.0/24"


@pytest.fixture(scope="module")
def poor(new_private: Callable[..., Any]) -> Any:
    """A cluster without autoscaling/v2, and at first without any of our kinds; EcoIngress comes last."""
    return new_private(
        apiserver_flags=("--runtime-config=autoscaling/v2=false",),
        definitions=(),
        settings={"ECO2_ALB_SOURCE_CIDRS": f'["{SUBNET}"]'},
    )


@pytest.fixture
def private(poor: Any, show_log: Callable[[Operator], None]) -> Any:
    show_log(poor.operator)
    return poor


def alive(private: Any) -> bool:
    return bool(private.operator.is_alive() and private.operator.http("/healthz") == (200, "ok"))


def test_started_before_the_definitions_it_waits_for_them(private: Any) -> None:
    private.operator.start(wait=False)
    eventually(lambda: any("ecodomains" in str(line) for line in private.operator.lines()))
    assert private.operator.http("/healthz") == (200, "ok")
    assert private.operator.http("/readyz")[0] == 503
    clusters.install_crd(private.api, clusters.crds("ecodomains")[0])
    eventually(private.operator.is_ready)
    private.domain(private.namespace("first"), replicas=0).becomes_ready()


def test_the_other_children_are_made_and_the_missing_kind_is_named(private: Any) -> None:
    domain: Domain = private.domain(private.namespace("scaled"), autoscaling={"minReplicas": 2, "maxReplicas": 3})
    message = domain.becomes("False", "KindMissing")
    assert "autoscaling/v2 HorizontalPodAutoscaler" in message
    assert "install what provides it" in message
    eventually(lambda: set(domain.children()) == STANDARD)
    eventually(lambda: domain.says("WorkloadAvailable", "True"))
    stays(lambda: domain.says("Ready", "False", "KindMissing"))
    assert alive(private)


def test_a_domain_that_does_not_need_it_is_ready(private: Any) -> None:
    domain: Domain = private.domain(private.namespace("single"), replicas=1).becomes_ready()
    domain.patch(image="docker.io/mng990/eco2:scan-1.0.1")
    domain.becomes_ready()
    assert alive(private)


def test_a_kind_that_is_installed_later_and_removed_again_is_followed(private: Any) -> None:
    """An EcoIngress of an ALB opens the domain's policy for the ALB's addresses."""
    namespace = private.namespace("entrance")
    domain: Domain = private.domain(namespace, replicas=1).becomes_ready()
    assert not opened(domain)

    clusters.install_crd(private.api, clusters.crds("ecoingresses")[0])
    ingress = {
        "apiVersion": API_VERSION,
        "kind": "EcoIngress",
        "metadata": {"name": "api", "namespace": namespace},
        "spec": {
            "provider": "alb",
            "hosts": ["api.example.com"],
            "routes": [{"path": "/", "domain": {"name": "scan", "namespace": namespace}, "public": True}],
            "alb": {"target": "domain"},
        },
    }
    private.api.create(ECO_INGRESS, ingress)
    eventually(lambda: opened(domain))
    domain.becomes_ready()

    private.api.delete(ECO_INGRESS, namespace, "api")
    eventually(lambda: not opened(domain))
    assert alive(private)

    private.api.create(ECO_INGRESS, ingress)
    eventually(lambda: opened(domain))
    private.api.delete(CRD, "", "ecoingresses.eco2.growbin.app")
    eventually(lambda: not opened(domain))
    domain.patch(image="docker.io/mng990/eco2:scan-1.0.2")
    eventually(lambda: domain.status["image"].endswith("1.0.2"))
    domain.becomes_ready()
    stays(lambda: alive(private), for_=3)


def opened(domain: Domain) -> bool:
    """Whether the policy lets the ALB's addresses in."""
    return SUBNET in str(domain.child(NETWORK_POLICY)["spec"]["ingress"])
