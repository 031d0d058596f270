"""A spec that got past the API server but makes no sense changes nothing: the children stay, the fault is named."""

from collections.abc import Callable
from typing import Any

import pytest
from support import cluster as clusters
from support.domains import Domain
from support.operator import Operator
from support.waits import stays

pytestmark = pytest.mark.cluster

SECRET = "hunter2-correct-horse"


@pytest.fixture(scope="module")
def lax(new_private: Callable[..., Any]) -> Any:
    """A cluster whose CustomResourceDefinition takes any spec, as an older or newer one might."""
    (definition,) = clusters.crds("ecodomains")
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema.pop("x-kubernetes-validations", None)
    schema["properties"]["spec"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    private = new_private(definitions=[definition])
    private.operator.start()
    return private


@pytest.fixture
def private(lax: Any, show_log: Callable[[Operator], None]) -> Any:
    show_log(lax.operator)
    return lax


BAD = {
    "a-typo": ({"replica": 3}, "spec.replica: unknown field"),
    "a-wrong-type": ({"port": "eight thousand"}, "spec.port"),
    "both-of-two": ({"autoscaling": {"minReplicas": 1, "maxReplicas": 2}}, "replicas and autoscaling exclude"),
    "no-image": ({"image": None}, "spec.image"),
    "a-bad-tier": ({"tier": "top"}, "spec.tier"),
}


@pytest.mark.parametrize("case", BAD)
def test_the_fault_is_named_and_the_children_stay(private: Any, case: str) -> None:
    patch, words = BAD[case]
    domain: Domain = private.domain(private.namespace(f"bad-{case}")).becomes_ready()
    before, image = domain.uids(), domain.status["image"]
    trail = private.operator.audit()
    domain.patch(**patch)
    message = domain.becomes("False", "InvalidSpec")
    assert words in message
    assert domain.condition("Stalled")["status"] == "True"
    assert len(domain.status["inventory"]) == len(before)
    trail.becomes_quiet(namespace=domain.namespace, for_=1)
    stays(lambda: domain.uids() == before)
    # The spec that was Ready before is remembered a moment after its status was told.
    told = {"ecodomains/status", "events", "controllerrevisions"}
    assert {call.resource for call in trail.writes(namespace=domain.namespace)} <= told

    undo = dict.fromkeys(patch) | {"image": image, "port": 8000, "replicas": 2}
    domain.patch(**undo)
    domain.becomes_ready()
    assert domain.uids() == before


def test_a_secret_value_in_a_bad_spec_is_not_repeated(private: Any) -> None:
    namespace = private.namespace("secretive")
    domain: Domain = private.domain(namespace, env=[{"name": "API_KEY", "value": {"nested": SECRET}}])
    assert "env" in domain.becomes("False", "InvalidSpec")
    assert SECRET not in str(domain.status)
    assert SECRET not in private.operator.log.read_text()
    assert SECRET not in str(private.api.request("GET", f"/api/v1/namespaces/{namespace}/events"))


def test_created_bad_it_makes_nothing_and_is_no_traceback(private: Any) -> None:
    domain: Domain = private.domain(private.namespace("born-bad"), nonsense=True)
    domain.becomes("False", "InvalidSpec")
    stays(lambda: not domain.children())
    assert not [line for line in private.operator.lines() if "traceback" in line]
    domain.patch(nonsense=None)
    domain.becomes_ready()
