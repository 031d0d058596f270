"""A changed spec becomes changed children: the same objects, mended in place."""

from collections.abc import Callable

import pytest
from support.audit import AuditTrail
from support.domains import Domain
from support.waits import eventually, stays

from eco2_operator.kinds import DEPLOYMENT, SERVICE

pytestmark = pytest.mark.cluster

NewDomain = Callable[..., Domain]


def container(domain: Domain) -> dict[str, object]:
    found: dict[str, object] = domain.child(DEPLOYMENT)["spec"]["template"]["spec"]["containers"][0]
    return found


def node_port(domain: Domain) -> int:
    (port,) = domain.child(SERVICE)["spec"]["ports"]
    return int(port["nodePort"])


def test_a_new_image_rolls_out_and_only_the_deployment_is_written(domain: Domain, audit: AuditTrail) -> None:
    eventually(domain.events)
    audit.restart()
    uids = domain.uids()
    domain.patch(image="docker.io/mng990/eco2:scan-1.0.1")
    eventually(lambda: container(domain)["image"] == "docker.io/mng990/eco2:scan-1.0.1")
    domain.becomes_ready()
    assert domain.status["image"] == "docker.io/mng990/eco2:scan-1.0.1"
    assert domain.uids() == uids
    written = {call.resource for call in audit.writes(namespace=domain.namespace)}
    assert written <= {"deployments", "ecodomains/status", "events", "controllerrevisions"}
    eventually(lambda: len(domain.pods()) == 2)
    images = {pod["spec"]["containers"][0]["image"] for pod in domain.pods()}
    assert images == {"docker.io/mng990/eco2:scan-1.0.1"}
    audit.becomes_quiet(namespace=domain.namespace)


def test_while_it_rolls_out_the_status_says_so(new_domain: NewDomain) -> None:
    slow = {"annotations": {"kwok.eco2.growbin.app/ready-after": "3s"}}
    domain = new_domain(pod=slow)
    eventually(lambda: domain.says("Ready", "False", "Progressing"))
    assert domain.condition("Reconciling")["status"] == "True"
    assert domain.condition("Stalled")["status"] == "False"
    domain.becomes_ready()
    assert domain.condition("Reconciling")["status"] == "False"
    eventually(lambda: domain.events() == [("Normal", "Ready")])


def test_the_number_of_replicas_follows(domain: Domain) -> None:
    domain.patch(replicas=3)
    eventually(lambda: domain.child(DEPLOYMENT)["spec"]["replicas"] == 3)
    domain.becomes_ready()
    assert domain.status["readyReplicas"] == 3
    domain.patch(replicas=0)
    domain.becomes_ready()
    eventually(lambda: not domain.pods())


def test_another_container_port_moves_probes_and_keeps_the_node_port(domain: Domain) -> None:
    before = node_port(domain)
    domain.patch(port=9000)
    eventually(lambda: container(domain)["ports"] == [{"name": "http", "containerPort": 9000, "protocol": "TCP"}])
    domain.becomes_ready()
    stays(lambda: node_port(domain) == before)


def test_another_service_port_keeps_the_node_port(domain: Domain, audit: AuditTrail) -> None:
    before = node_port(domain)
    domain.patch(port=None, ports=[{"name": "http", "port": 8000, "servicePort": 8080}])
    eventually(lambda: [port["port"] for port in domain.child(SERVICE)["spec"]["ports"]] == [8080])
    domain.becomes_ready()
    assert node_port(domain) == before
    audit.becomes_quiet(namespace=domain.namespace)


def test_a_second_port_gets_its_own_node_port_and_goes_again(domain: Domain) -> None:
    first = node_port(domain)
    http = {"name": "http", "port": 8000}
    domain.patch(port=None, ports=[http, {"name": "grpc", "port": 9001, "appProtocol": "grpc"}])
    eventually(lambda: len(domain.child(SERVICE)["spec"]["ports"]) == 2)
    domain.becomes_ready()
    ports = {port["targetPort"]: port["nodePort"] for port in domain.child(SERVICE)["spec"]["ports"]}
    assert ports["http"] == first
    assert domain.status["nodePorts"] == ports
    domain.patch(ports=[http])
    eventually(lambda: len(domain.child(SERVICE)["spec"]["ports"]) == 1)
    domain.becomes_ready()
    assert node_port(domain) == first


def test_a_deleted_service_comes_back_on_the_same_node_port(domain: Domain) -> None:
    before, uid = node_port(domain), domain.uids()[SERVICE]
    domain.remove(SERVICE)
    eventually(lambda: domain.uids()[SERVICE] != uid)
    assert node_port(domain) == before
    domain.becomes_ready()
    stays(lambda: node_port(domain) == before)


def test_a_requested_node_port_replaces_the_allocated_one(domain: Domain, node_port: int) -> None:
    domain.patch(nodePort=node_port)
    eventually(lambda: domain.child(SERVICE)["spec"]["ports"][0]["nodePort"] == node_port)
    domain.becomes_ready()
    assert domain.status["nodePort"] == node_port
    domain.patch(nodePort=None)  # given up as a wish, kept as a fact
    eventually(lambda: domain.status and domain.is_ready())
    stays(lambda: domain.child(SERVICE)["spec"]["ports"][0]["nodePort"] == node_port)


def test_node_port_to_cluster_ip_and_back(domain: Domain) -> None:
    uid = domain.uids()[SERVICE]
    domain.patch(service={"type": "ClusterIP"})
    eventually(lambda: domain.child(SERVICE)["spec"]["type"] == "ClusterIP")
    domain.becomes_ready()
    assert "nodePort" not in domain.child(SERVICE)["spec"]["ports"][0]
    domain.patch(service=None)
    eventually(lambda: domain.child(SERVICE)["spec"]["type"] == "NodePort")
    domain.becomes_ready()
    assert domain.uids()[SERVICE] == uid


def test_a_removed_field_is_removed_from_the_child(domain: Domain, audit: AuditTrail) -> None:
    domain.patch(env=[{"name": "LOG_LEVEL", "value": "debug"}], command=["serve"], rollout={"maxUnavailable": 1})
    eventually(lambda: container(domain).get("command") == ["serve"])
    domain.becomes_ready()
    # One by one: what stays is as wanted, so that nothing but our ownership of the field tells that it has to go.
    domain.patch(command=None)
    eventually(lambda: "command" not in container(domain))
    domain.patch(env=None)
    eventually(lambda: "env" not in container(domain))
    domain.patch(rollout=None)
    domain.becomes_ready()
    assert domain.child(DEPLOYMENT)["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    audit.becomes_quiet(namespace=domain.namespace)


def test_the_restart_annotation_replaces_the_pods_once(domain: Domain) -> None:
    before = {pod["metadata"]["uid"] for pod in domain.pods()}
    domain.annotate(restart="now")
    eventually(lambda: not before & {pod["metadata"]["uid"] for pod in domain.pods()})
    domain.becomes_ready()
    after = eventually(lambda: len(domain.pods()) == 2 and {pod["metadata"]["uid"] for pod in domain.pods()})
    stays(lambda: {pod["metadata"]["uid"] for pod in domain.pods()} == after)
