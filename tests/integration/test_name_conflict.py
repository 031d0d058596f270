"""An object of a child's name that is not ours is never written to; the other children are made all the same."""

from collections.abc import Callable
from typing import Any

import pytest
from support.api import CONFIG_MAP, Api, Object
from support.audit import AuditTrail
from support.domains import AUTOSCALED, Domain
from support.waits import eventually, stays

from eco2_operator.kinds import (
    CHILDREN,
    DEPLOYMENT,
    HORIZONTAL_POD_AUTOSCALER,
    NETWORK_POLICY,
    POD_DISRUPTION_BUDGET,
    SERVICE,
    SERVICE_ACCOUNT,
    Kind,
)

pytestmark = pytest.mark.cluster

NewDomain = Callable[..., Domain]

APP = {"matchLabels": {"app": "somebody-elses"}}
POD_TEMPLATE = {
    "metadata": {"labels": APP["matchLabels"]},
    "spec": {"containers": [{"name": "app", "image": "docker.io/other:1"}]},
}
FOREIGN: dict[Kind, dict[str, Any]] = {
    SERVICE_ACCOUNT: {},
    NETWORK_POLICY: {"spec": {"podSelector": APP}},
    SERVICE: {"spec": {"selector": APP["matchLabels"], "ports": [{"port": 80}]}},
    POD_DISRUPTION_BUDGET: {"spec": {"selector": APP, "minAvailable": 1}},
    HORIZONTAL_POD_AUTOSCALER: {
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"},
            "maxReplicas": 2,
        }
    },
    DEPLOYMENT: {"spec": {"replicas": 1, "selector": APP, "template": POD_TEMPLATE}},
}


def foreign(kind: Kind, namespace: str, **metadata: Any) -> Object:
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {"name": "scan", "namespace": namespace, **metadata},
        **FOREIGN[kind],
    }


@pytest.mark.parametrize("kind", CHILDREN, ids=lambda kind: kind.name)
def test_it_is_left_alone_named_and_waited_for(
    api: Api, namespace: str, new_domain: NewDomain, audit: AuditTrail, kind: Kind
) -> None:
    stranger = api.create(kind, foreign(kind, namespace))
    domain = new_domain(autoscaling={"minReplicas": 2, "maxReplicas": 3})
    message = domain.becomes("False", "NameConflict")
    assert f"{kind.name} {namespace}/scan exists" in message
    assert "was not made by this operator" in message
    assert domain.condition("ChildrenApplied")["reason"] == "NameConflict"
    others = AUTOSCALED - {DEPLOYMENT} if kind in (SERVICE_ACCOUNT, NETWORK_POLICY) else AUTOSCALED
    eventually(lambda: set(domain.children()) == others)

    def untouched() -> None:
        found = api.read(kind, namespace, "scan")
        managers = {entry["manager"] for entry in found["metadata"].get("managedFields", ())}
        assert found["metadata"]["uid"] == stranger["metadata"]["uid"]
        assert not found["metadata"].get("ownerReferences")
        assert "eco2-operator" not in managers
        calls = [call for call in audit.writes(namespace=namespace) if call.resource == kind.plural]
        assert not [call for call in calls if call.succeeded]

    stays(untouched, for_=2)
    domain.remove(kind)
    domain.becomes_ready()
    assert domain.uids()[kind] != stranger["metadata"]["uid"]
    stays(domain.is_ready)


def test_another_controllers_object_is_named_with_its_controller(
    api: Api, namespace: str, new_domain: NewDomain
) -> None:
    owner = api.create(
        CONFIG_MAP, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "boss", "namespace": namespace}}
    )
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "boss",
        "uid": owner["metadata"]["uid"],
        "controller": True,
    }
    api.create(SERVICE, foreign(SERVICE, namespace, ownerReferences=[reference]))
    domain = new_domain()
    assert "belongs to ConfigMap boss" in domain.becomes("False", "NameConflict")


def test_our_label_alone_makes_nothing_ours(api: Api, namespace: str, new_domain: NewDomain, audit: AuditTrail) -> None:
    labels = {"app.kubernetes.io/managed-by": "eco2-operator", "app.kubernetes.io/name": "scan"}
    stranger = api.create(SERVICE, foreign(SERVICE, namespace, labels=labels))
    domain = new_domain()
    domain.becomes("False", "NameConflict")
    stays(lambda: domain.uids()[SERVICE] == stranger["metadata"]["uid"])
    assert not [call for call in audit.writes(namespace=namespace) if call.resource == "services" and call.succeeded]
    domain.delete()
    eventually(lambda: set(domain.children()) == {SERVICE})
    stays(lambda: domain.uids()[SERVICE] == stranger["metadata"]["uid"])
