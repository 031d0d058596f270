"""What others add to a child stays, also when the operator changes the child afterwards."""

from collections.abc import Callable
from typing import Any

import pytest
from support.api import STRATEGIC_PATCH, Object
from support.audit import AuditTrail
from support.domains import Domain
from support.waits import eventually, stays

from eco2_operator.kinds import CHILDREN, DEPLOYMENT, SERVICE, Kind

pytestmark = pytest.mark.cluster

NewDomain = Callable[..., Domain]
NEXT = "docker.io/mng990/eco2:scan-1.0.1"


def template(domain: Domain) -> Object:
    found: Object = domain.child(DEPLOYMENT)["spec"]["template"]
    return found


def container(domain: Domain, name: str = "app") -> Object:
    return next(c for c in template(domain)["spec"]["containers"] if c["name"] == name)


def roll_out(domain: Domain) -> None:
    domain.patch(image=NEXT)
    eventually(lambda: container(domain)["image"] == NEXT)
    domain.becomes_ready()


def extend(domain: Domain, kind: Kind, patch: dict[str, Any], *, manager: str) -> None:
    domain.api.patch(kind, domain.namespace, domain.name, patch, manager=manager, content_type=STRATEGIC_PATCH)


def test_labels_and_annotations_of_others_stay_on_every_child(new_domain: NewDomain, audit: AuditTrail) -> None:
    domain = new_domain(autoscaling={"minReplicas": 2, "maxReplicas": 3}).becomes_ready()
    eventually(domain.events)
    audit.becomes_quiet(namespace=domain.namespace)
    added = {"labels": {"team": "core"}, "annotations": {"example.com/note": "mine"}}
    for kind in CHILDREN:
        domain.edit(kind, {"metadata": added})
    audit.stays_quiet(namespace=domain.namespace, for_=2, reports=False)
    roll_out(domain)
    for kind in CHILDREN:
        metadata = domain.child(kind)["metadata"]
        assert metadata["labels"]["team"] == "core", kind
        assert metadata["annotations"]["example.com/note"] == "mine", kind


def test_a_rollout_restart_is_not_undone_or_repeated(domain: Domain) -> None:
    stamp = {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
    before = {pod["metadata"]["uid"] for pod in domain.pods()}
    patch = {"spec": {"template": {"metadata": {"annotations": stamp}}}}
    extend(domain, DEPLOYMENT, patch, manager="kubectl-rollout")
    eventually(lambda: len(domain.pods()) == 2 and not before & {pod["metadata"]["uid"] for pod in domain.pods()})
    domain.becomes_ready()
    stays(lambda: template(domain)["metadata"]["annotations"] == stamp)
    roll_out(domain)
    assert template(domain)["metadata"]["annotations"] == stamp


def test_variables_and_sidecars_of_others_stay_in_the_pods(domain: Domain) -> None:
    variable = {"name": "INJECTED", "value": "yes"}
    agent = {"name": "agent", "image": "docker.io/agent:1"}
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "env": [variable]}, agent]}}}}
    extend(domain, DEPLOYMENT, patch, manager="injector")
    eventually(lambda: len(template(domain)["spec"]["containers"]) == 2)
    domain.becomes_ready()
    domain.patch(env=[{"name": "LOG_LEVEL", "value": "debug"}])
    eventually(lambda: {v["name"] for v in container(domain)["env"]} == {"INJECTED", "LOG_LEVEL"})
    roll_out(domain)
    assert container(domain, "agent")["image"] == "docker.io/agent:1"
    assert {v["name"] for v in container(domain)["env"]} == {"INJECTED", "LOG_LEVEL"}
    domain.patch(env=None)
    eventually(lambda: container(domain)["env"] == [variable])
    domain.becomes_ready()


def test_a_port_added_to_the_service_stays(domain: Domain) -> None:
    extra = {"name": "debug", "port": 9999, "targetPort": 9999, "protocol": "TCP"}
    extend(domain, SERVICE, {"spec": {"ports": [extra]}}, manager="debugger")
    domain.patch(port=9000)
    eventually(lambda: container(domain)["ports"][0]["containerPort"] == 9000)
    domain.becomes_ready()
    assert {port["name"] for port in domain.child(SERVICE)["spec"]["ports"]} == {"http", "debug"}


def test_another_scaler_decides_while_there_is_an_autoscaler(new_domain: NewDomain, audit: AuditTrail) -> None:
    domain = new_domain(autoscaling={"minReplicas": 2, "maxReplicas": 6}).becomes_ready()
    domain.api.patch(
        DEPLOYMENT, domain.namespace, "scan", {"spec": {"replicas": 5}}, manager="keda", subresource="scale"
    )
    eventually(lambda: domain.status["readyReplicas"] == 5)
    roll_out(domain)
    audit.becomes_quiet(namespace=domain.namespace)
    assert domain.child(DEPLOYMENT)["spec"]["replicas"] == 5
