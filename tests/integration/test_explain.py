"""`eco2 explain` on the objects the operator really made: its answers, and that following its advice changes them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from support import cluster as clusters
from support.api import NAMESPACE, Api, Object
from support.domains import Domain
from support.operator import Operator
from support.waits import eventually

from eco2_operator.cli.main import eco2 as command_line
from eco2_operator.kinds import AUTHORIZATION_POLICY, NETWORK_POLICY, PEER_AUTHENTICATION
from eco2_testcluster.embedded import EmbeddedCluster

pytestmark = pytest.mark.cluster

CRDS = Path(__file__).parents[1] / "support" / "crds"
NewDomain = Callable[..., Domain]
Explain = Callable[..., Object]


def explainer(kubeconfig: Path, namespace: str) -> Explain:
    """`eco2 explain` as data; the exit code has to say the same as the answer."""

    def explain(source: str, target: str, *args: str) -> Object:
        command = ("explain", source, target, "-n", namespace, "-o", "json", *args)
        result = CliRunner().invoke(command_line, command, env={"KUBECONFIG": str(kubeconfig)})
        assert result.exit_code in (0, 1), result.output
        answer: Object = json.loads(result.stdout)
        assert result.exit_code == (0 if answer["allowed"] else 1)
        return answer

    return explain


@pytest.fixture
def explain(installed: EmbeddedCluster, namespace: str) -> Explain:
    return explainer(installed.kubeconfig, namespace)


def todos(answer: Object) -> list[str]:
    return [step["todo"] for way in answer["ways"] for step in way["steps"] if "todo" in step]


def becomes_allowed(explain: Explain, *args: str) -> None:
    eventually(lambda: explain(*args)["allowed"])


def test_following_the_advice_opens_the_call(explain: Explain, new_domain: NewDomain) -> None:
    scan, my = new_domain("scan", replicas=1).becomes_ready(), new_domain("my", replicas=1).becomes_ready()
    here = scan.namespace
    answer = explain("my", "scan")
    assert (answer["allowed"], todos(answer)) == (
        False,
        [
            f"add {{domain: scan, namespace: {here}}} to spec.access.outbound of EcoDomain {here}/my",
            f"add {{domain: my, namespace: {here}}} to spec.access.inbound of EcoDomain {here}/scan",
        ],
    )
    assert [step["objects"] for step in answer["ways"][0]["steps"]] == [
        [f"NetworkPolicy {here}/my"],
        [f"NetworkPolicy {here}/scan"],
    ]
    my.patch(access={"outbound": [{"domain": "scan", "namespace": here}]})
    eventually(lambda: len(todos(explain("my", "scan"))) == 1)
    assert not explain("my", "scan")["allowed"]
    scan.patch(access={"inbound": [{"domain": "my", "namespace": here}]})
    becomes_allowed(explain, "my", "scan")
    assert not explain("scan", "my")["allowed"]


def test_stores_and_what_is_outside(explain: Explain, new_domain: NewDomain, api: Api) -> None:
    domain = new_domain(replicas=1).becomes_ready()
    api.patch(NAMESPACE, "", domain.namespace, {"metadata": {"labels": {"data-type": "rabbitmq"}}})
    for target in ("data:rabbitmq", "external:https", "cidr:10.1.2.3:8443"):
        assert not explain("scan", target)["allowed"]
    rules = [{"data": "rabbitmq"}, {"external": "https"}, {"cidr": "10.1.2.0/24", "port": 8443}]
    domain.patch(tier="business-logic", access={"outbound": rules})
    for target in ("external:https", "cidr:10.1.2.3:8443"):
        becomes_allowed(explain, "scan", target)
    assert not explain("scan", "cidr:10.1.3.3:8443")["allowed"]
    # The way out is open; the way in is shut, for the only pods of that namespace are the domain's own.
    ends = {
        step["gate"].partition(" ")[0]: step["allowed"] for step in explain("scan", "data:rabbitmq")["ways"][0]["steps"]
    }
    assert ends == {"egress": True, "ingress": False}


def test_the_gateway_prometheus_and_the_internet(explain: Explain, new_domain: NewDomain) -> None:
    domain = new_domain(replicas=1).becomes_ready()
    assert explain("gateway", "scan")["allowed"]
    assert explain("prometheus", "scan")["allowed"]
    answer = explain("internet", "scan:/api/v1/scan")
    assert (answer["allowed"], [way["way"] for way in answer["ways"]]) == (
        False,
        ["through the gateway", f"straight to node port {domain.status['nodePort']}"],
    )
    domain.patch(access={"ingress": []}, metrics={"enabled": False})
    for caller in ("gateway", "prometheus"):
        eventually(lambda caller=caller: not explain(caller, "scan")["allowed"])  # type: ignore[misc]


def test_policies_of_others_and_shadow(explain: Explain, new_domain: NewDomain, api: Api) -> None:
    domain = new_domain(replicas=1).becomes_ready()
    here = domain.namespace
    theirs: Object = {
        "apiVersion": NETWORK_POLICY.api_version,
        "kind": NETWORK_POLICY.name,
        "metadata": {"name": "theirs", "namespace": here},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]},
    }
    api.create(NETWORK_POLICY, theirs)
    step = explain("scan", "external:https")["ways"][0]["steps"][0]
    assert (step["allowed"], step["objects"]) == (True, [f"NetworkPolicy {here}/theirs"])
    assert step["notes"][0].endswith(f"add {{external: https}} to spec.access.outbound of EcoDomain {here}/scan")
    api.patch(NETWORK_POLICY, here, "theirs", {"spec": {"egress": []}})
    domain.patch(access={"enforcement": "shadow"})
    shadow = [f"enforcement: shadow blocks nothing, but NetworkPolicy {here}/theirs does: add a rule there"]
    eventually(lambda: todos(explain("scan", "external:https")) == shadow)
    api.delete(NETWORK_POLICY, here, "theirs")
    becomes_allowed(explain, "scan", "external:https")


@pytest.fixture(scope="module")
def mesh(new_private: Callable[..., Any]) -> Any:
    """A cluster that serves the kinds of a mesh, and an operator. Nobody injects proxies: pods bring their own."""
    theirs = [yaml.safe_load(path.read_text()) for path in sorted(CRDS.glob("*.istio.io.yaml"))]
    private = new_private(definitions=[*clusters.crds(), *theirs])
    private.operator.start()
    labels = {"istio-injection": "enabled"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mesh", "labels": labels}}
    private.api.create(NAMESPACE, namespace)
    return private


def test_paths_and_identities_in_the_mesh(mesh: Any, show_log: Callable[[Operator], None]) -> None:
    show_log(mesh.operator)
    proxy = {"pod": {"sidecars": [{"name": "istio-proxy", "image": "docker.io/istio/proxyv2:1"}]}}
    inbound = [{"domain": "my", "paths": ["/api/v1/internal/*"]}]
    scan = mesh.domain("mesh", "scan", replicas=1, access={"inbound": inbound}, metrics={"enabled": False}, **proxy)
    my = mesh.domain("mesh", "my", replicas=1, access={"outbound": [{"domain": "scan"}]}, **proxy)
    bare = mesh.domain("mesh", "bare", replicas=1, access={"outbound": [{"domain": "scan"}]})
    for domain in (scan, my, bare):
        eventually(lambda domain=domain: domain.says("WorkloadAvailable", "True", "Available"))  # type: ignore[misc]
    assert scan.find(AUTHORIZATION_POLICY)
    assert scan.find(PEER_AUTHENTICATION)
    explain = explainer(mesh.cluster.kubeconfig, "mesh")
    assert explain("my", "scan:/api/v1/internal/1")["allowed"]
    assert explain("gateway", "scan:/anything")["allowed"]
    some = explain("my", "scan")["ways"][0]["steps"][-1]
    assert some["text"] == "passes when path is one of /api/v1/internal/*"
    refused = explain("my", "scan:/other")
    assert refused["ways"][0]["steps"][-1]["objects"] == ["AuthorizationPolicy mesh/scan"]
    assert todos(refused) == ["add /other to spec.access.inbound[0].paths of EcoDomain mesh/scan"]
    join = "label the namespace mesh with istio-injection=enabled, and restart the caller's pods"
    plain = explain("bare", "scan:/api/v1/internal/1")
    assert join in todos(plain)
    assert {"gate": "mTLS of EcoDomain mesh/scan", "allowed": False, "todo": join}.items() <= {
        key: value
        for step in plain["ways"][0]["steps"]
        if step["gate"].startswith("mTLS")
        for key, value in step.items()
    }.items()
    inbound[0]["paths"].append("/other")
    scan.patch(access={"inbound": inbound})
    becomes_allowed(explain, "my", "scan:/other")
    scan.patch(access={"inbound": [], "enforcement": "shadow"})
    becomes_allowed(explain, "my", "scan:/unheard-of")
    trial = explain("my", "scan:/unheard-of")["ways"][0]["steps"][-1]
    assert trial["notes"] == ["AuthorizationPolicy mesh/scan on trial (dry-run) would refuse it"]
