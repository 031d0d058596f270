"""The command line on a real cluster: what it shows is what there is, and it changes nothing but annotations."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from support.api import Api, Object
from support.domains import IMAGE, Domain, manifest
from support.waits import eventually

from eco2_operator.cli import documents, yamls
from eco2_operator.cli.main import eco2 as command_line
from eco2_operator.kinds import DEPLOYMENT, ECO_DOMAIN, JOB, OPTIONAL, SERVICE
from eco2_testcluster.audit import read_events
from eco2_testcluster.embedded import EmbeddedCluster

pytestmark = pytest.mark.cluster

EXAMPLES = Path(__file__).parents[2] / "examples"
POD_IP = {"fieldRef": {"fieldPath": "status.podIP"}}
NewDomain = Callable[..., Domain]
Eco2 = Callable[..., Result]


def run(kubeconfig: Path, *args: str, stdin: str = "") -> Result:
    """One command, in this process: a process of its own spends a second on imports."""
    return CliRunner().invoke(command_line, args, input=stdin, env={"KUBECONFIG": str(kubeconfig)})


@pytest.fixture
def eco2(installed: EmbeddedCluster) -> Eco2:
    """The command line as an administrator."""
    return lambda *args, stdin="": run(installed.kubeconfig, *args, stdin=stdin)


@pytest.fixture
def stranger(installed: EmbeddedCluster) -> Eco2:
    """The command line as a user without any permission."""
    kubeconfig = installed.user_kubeconfig("stranger")
    return lambda *args, stdin="": run(kubeconfig, *args, stdin=stdin)


def text(namespace: str, name: str = "scan", **spec: Any) -> str:
    """The file of a domain."""
    return yamls.dump(manifest(namespace, name, **spec))


def test_the_status_of_a_ready_domain(eco2: Eco2, domain: Domain) -> None:
    table = eco2("status", "-n", domain.namespace)
    assert (table.exit_code, table.stderr) == (0, "")
    row = table.stdout.splitlines()[2].split()
    assert row[:5] == [domain.namespace, "scan", "True", "Ready", "2/2"]
    assert row[-1] == "simulated"
    (data,) = json.loads(eco2("status", "-n", domain.namespace, "-o", "json").stdout)
    assert data["nodePort"] == domain.child(SERVICE)["spec"]["ports"][0]["nodePort"]


def test_the_console_script_works_as_a_plugin_of_kubectl(installed: EmbeddedCluster, domain: Domain) -> None:
    result = subprocess.run(
        [Path(sys.executable).parent / "kubectl-eco2", "status", "--kubeconfig", installed.kubeconfig, "-A"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode in (0, 1)
    assert domain.namespace in result.stdout


def test_the_tree_of_a_ready_domain(eco2: Eco2, domain: Domain) -> None:
    result = eco2("status", "domain", "scan", "-n", domain.namespace, "-o", "json")
    assert result.exit_code == 0
    below = {branch["kind"]: branch for branch in json.loads(result.stdout)["tree"]["below"]}
    assert set(below) == {kind.name for kind in domain.children()}
    assert all(branch["well"] for branch in below.values())
    assert {pod["name"] for pod in below["Deployment"]["below"]} == {p["metadata"]["name"] for p in domain.pods()}
    assert all(pod["simulated"] for pod in below["Deployment"]["below"])


def test_the_status_of_a_domain_whose_image_is_missing(eco2: Eco2, new_domain: NewDomain) -> None:
    broken = new_domain(image="docker.io/mng990/eco2:missing-1.0.0", replicas=1)
    broken.becomes("False", "ImagePullBackOff")
    result = eco2("status", "domain", "scan", "-n", broken.namespace)
    assert result.exit_code == 1
    (pod,) = broken.pods()
    assert f"✗ Pod {pod['metadata']['name']}  ImagePullBackOff, on general, simulated" in result.stdout
    assert "container app: Back-off pulling image" in result.stdout
    assert "scan  ImagePullBackOff\n" in result.stdout


def test_nothing_differs_once_a_domain_is_ready(eco2: Eco2, domain: Domain) -> None:
    result = eco2("diff", "-f", "-", stdin=text(domain.namespace))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_nothing_differs_for_a_domain_with_everything(eco2: Eco2, new_domain: NewDomain) -> None:
    spec: dict[str, Any] = {
        "autoscaling": {"minReplicas": 2, "maxReplicas": 3},
        "ports": [{"name": "http", "port": 8000}, {"name": "grpc", "port": 9001, "appProtocol": "grpc"}],
        "port": None,
        "env": [
            {"name": "EMPTY", "value": ""},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ],
        "volumes": [{"name": "cache", "mountPath": "/cache", "sizeLimit": "1024Mi"}],
        "resources": {"requests": {"cpu": "0.5", "memory": "0.5Gi"}, "limits": {"memory": "1024Mi"}},
        "health": {"kind": "grpc", "port": "grpc"},
        "access": {"outbound": [{"data": "postgres"}, {"external": "https"}], "inbound": [{"domain": "chat"}]},
        "pod": {"sidecars": [{"name": "proxy", "image": "docker.io/proxy:1"}]},
    }
    rich = new_domain(**spec).becomes_ready()
    result = eco2("diff", "-f", "-", stdin=text(rich.namespace, **spec))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_what_others_added_is_not_a_difference(eco2: Eco2, domain: Domain) -> None:
    domain.edit(DEPLOYMENT, {"metadata": {"labels": {"of-others": "yes"}}})
    assert eco2("diff", "-f", "-", stdin=text(domain.namespace)).exit_code == 0


def test_a_difference_is_what_an_apply_then_changes(eco2: Eco2, new_domain: NewDomain) -> None:
    domain = new_domain(env=[{"name": "OLD", "value": "1"}]).becomes_ready()
    wanted = {"replicas": 3, "env": [{"name": "NEW", "value": "1e3"}]}
    result = eco2("diff", "-f", "-", stdin=text(domain.namespace, **wanted))
    assert result.exit_code == 1
    lines = [f"{line[0]}{line[1:].strip()}" for line in result.stdout.splitlines() if line[0] in "+-"]
    assert lines == [
        f"--- live/Deployment/{domain.namespace}/scan",
        f"+++ wanted/Deployment/{domain.namespace}/scan",
        "-replicas: 2",
        "+replicas: 3",
        "-- name: OLD",
        '-value: "1"',
        "+- name: NEW",
        '+value: "1e3"',
    ]  # fmt: skip
    domain.patch(**wanted)
    domain.becomes_ready()
    assert eco2("diff", "-f", "-", stdin=text(domain.namespace, **wanted)).exit_code == 0


def test_a_new_domain_is_all_new_and_nothing_is_made(eco2: Eco2, api: Api, namespace: str) -> None:
    result = eco2("diff", "-f", "-", "-o", "json", stdin=text(namespace))
    assert result.exit_code == 1
    assert {change["action"] for change in json.loads(result.stdout)} == {"create"}
    assert api.get(ECO_DOMAIN, namespace, "scan") is None


def test_the_doctor_finds_the_definitions_of_this_version(eco2: Eco2) -> None:
    findings = json.loads(eco2("doctor", "-o", "json").stdout)
    states = {finding["check"]: finding["state"] for finding in findings}
    assert {states[f"CRD {kind}"] for kind in ("EcoDomain", "EcoIngress", "EcoSecretBinding")} == {"OK"}
    assert (states["API server"], states["Permissions"], states["Istio"]) == ("OK", "OK", "OPTIONAL")
    assert {states[kind.name] for kind in OPTIONAL} == {"OPTIONAL"}  # this cluster has none of them


def test_the_doctor_finds_what_a_domain_counts_on(eco2: Eco2, new_domain: NewDomain, node_port: int) -> None:
    first = new_domain("first", nodePort=node_port).becomes_ready()
    second = new_domain("second", nodePort=node_port, placement={"node": "nowhere"})
    second.becomes("False", "NodePortTaken")
    result = eco2("doctor", "-o", "json")
    assert result.exit_code == 1
    details = [finding["detail"] for finding in json.loads(result.stdout) if finding["state"] == "MISSING"]
    here = first.namespace
    assert f"{node_port}, which EcoDomain {here}/second asks for, is taken by Service {here}/first" in details
    assert f"no node has the label domain=nowhere: the pods of {here}/second stay Pending" in details
    assert f"{here} lacks the labels app.kubernetes.io/part-of, tier, role" in details


def test_a_stranger_is_told_what_is_forbidden(stranger: Eco2, namespace: str) -> None:
    for args in (("status", "-n", namespace), ("diff", "-f", "-")):
        result = stranger(*args, stdin=text(namespace))
        assert (result.exit_code, result.stdout) == (2, "")
        last = result.stderr.splitlines()[-1]
        assert "forbids it: " in last
        assert 'User "stranger" cannot list resource "ecodomains"' in last
    doctor = stranger("doctor")
    assert doctor.exit_code == 1
    assert "you may not get, list, watch ecodomains.eco2.growbin.app in all namespaces" in doctor.stdout


def test_it_reads_and_asks_for_reviews_and_nothing_else(eco2: Eco2, installed: EmbeddedCluster, domain: Domain) -> None:
    here, before = ("-n", domain.namespace), {event["auditID"] for event in _own_events(installed)}
    for args in (
        ("status", "-A"),
        ("status", "domain", "scan", *here),
        ("doctor",),
        ("explain", "scan", "scan", *here),
    ):
        eco2(*args)
    eco2("rollback", "scan", *here)
    eco2("diff", "--foreign", "-f", "-", stdin=text(domain.namespace, replicas=5))
    asked = {
        (event["verb"], event["objectRef"]["resource"] if event["verb"] == "create" else "")
        for event in _own_events(installed)
        if event["auditID"] not in before
    }
    assert asked == {("get", ""), ("list", ""), ("create", "selfsubjectaccessreviews")}


def _own_events(cluster: EmbeddedCluster) -> list[Object]:
    return [event for event in read_events(cluster.audit_log) if event.get("userAgent") == "eco2-cli"]


def test_pausing_and_resuming(eco2: Eco2, domain: Domain) -> None:
    here, generation = ("scan", "-n", domain.namespace), domain.live["metadata"]["generation"]
    assert eco2("pause", *here).exit_code == 0
    domain.becomes("Unknown", "Suspended")
    domain.patch(replicas=3)
    eventually(lambda: domain.says("Ready", "Unknown", "Suspended"))
    assert domain.child(DEPLOYMENT)["spec"]["replicas"] == 2
    assert eco2("resume", *here).exit_code == 0
    domain.becomes_ready()
    assert domain.child(DEPLOYMENT)["spec"]["replicas"] == 3
    assert domain.live["metadata"]["generation"] == generation + 1  # the patch of the replicas alone
    domain.patch(suspend=True)
    still = eco2("resume", *here)
    assert (still.exit_code, "spec.suspend still suspends it" in still.stdout) == (1, True)


def test_a_restart_replaces_the_pods_and_can_be_waited_for(eco2: Eco2, domain: Domain) -> None:
    before = {pod["metadata"]["uid"] for pod in domain.pods()}
    result = eco2("restart", "scan", "-n", domain.namespace, "--wait", "--timeout", "60")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (0, "done: 2 of 2 new pods serve")
    assert not before & {pod["metadata"]["uid"] for pod in domain.pods()}
    assert domain.is_ready()


MIGRATIONS = {"command": ["alembic", "upgrade", "head"], "retries": 0}


def test_a_migration_runs_again_and_can_be_waited_for(eco2: Eco2, new_domain: NewDomain) -> None:
    domain = new_domain(migrations=MIGRATIONS, replicas=1).becomes_ready()
    first = domain.status["migration"]["hash"]
    result = eco2("migrate", "scan", "-n", domain.namespace, "--wait", "--timeout", "60")
    assert (result.exit_code, "it had succeeded at" in result.stderr) == (0, True)
    again = domain.status["migration"]
    assert (again["state"], again["hash"] != first) == ("Succeeded", True)
    tree = json.loads(eco2("status", "domain", "scan", "-n", domain.namespace, "-o", "json").stdout)["tree"]
    (job,) = [branch for branch in tree["below"] if branch["kind"] == "Job"]
    assert (job["hash"], job["well"]) == (again["hash"], True)


def test_a_migration_that_fails_is_followed_to_its_end(eco2: Eco2, new_domain: NewDomain) -> None:
    domain = new_domain(migrations=MIGRATIONS, replicas=1).becomes_ready()
    domain.patch(migrations={"image": "docker.io/mng990/eco2:missing-1.0.0", "timeoutSeconds": 2})
    domain.becomes("False", "MigrationTimedOut")
    result = eco2("migrate", "scan", "-n", domain.namespace, "--wait", "--timeout", "60")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("failed: Job scan-migrate-")
    broken = eco2("status", "domain", "scan", "-n", domain.namespace)
    assert broken.exit_code == 1
    assert "✗ Job scan-migrate-" in broken.stdout


def test_a_rollback_prints_what_makes_it_ready_again(eco2: Eco2, new_domain: NewDomain, api: Api) -> None:
    domain = new_domain(migrations=MIGRATIONS).becomes_ready()
    here = ("rollback", "scan", "-n", domain.namespace)
    ready = domain.live["spec"]
    nothing = eventually(lambda: _says(eco2(*here), "nothing to roll back"))
    assert (nothing.exit_code, nothing.stdout) == (1, "")
    domain.patch(image="docker.io/mng990/eco2:missing-1.0.0", migrations={"image": IMAGE})
    domain.becomes("False", "ImagePullBackOff")
    result = eco2(*here)
    assert result.exit_code == 0
    assert "+  image: docker.io/mng990/eco2:scan-1.0.0" in result.stderr
    assert "its migration has run, and does not run again" in result.stderr
    printed = yaml.safe_load(result.stdout)
    assert printed["spec"] == ready
    jobs = len(api.items(JOB, domain.namespace))
    live = domain.live
    api.request("PUT", ECO_DOMAIN.path(domain.namespace, "scan"), {**live, "spec": printed["spec"]})
    domain.becomes_ready()
    assert len(api.items(JOB, domain.namespace)) == jobs


def _says(result: Result, words: str) -> Result:
    assert words in result.stderr
    return result


def test_what_others_added_is_listed_with_its_manager(eco2: Eco2, domain: Domain) -> None:
    domain.edit(DEPLOYMENT, {"metadata": {"annotations": {"team": "waste"}}})
    restarted = {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
    domain.edit(DEPLOYMENT, {"spec": {"template": {"metadata": {"annotations": restarted}}}}, manager="kubectl-rollout")
    result = eco2("diff", "--foreign", "-n", domain.namespace, "-o", "json")
    assert result.exit_code == 0
    assert {(each["kind"], each["path"], each["manager"]) for each in json.loads(result.stdout)["foreign"]} == {
        ("Deployment", "metadata.annotations.team", "kubectl-edit"),
        (
            "Deployment",
            "spec.template.metadata.annotations.kubectl.kubernetes.io/restartedAt",
            "kubectl-rollout",
        ),
    }


def test_replicas_that_an_autoscaler_holds_are_its_own(eco2: Eco2, new_domain: NewDomain, api: Api) -> None:
    domain = new_domain(autoscaling={"minReplicas": 1, "maxReplicas": 4}).becomes_ready()
    scale = {"spec": {"replicas": 3}}
    api.patch(DEPLOYMENT, domain.namespace, "scan", scale, manager="the-autoscaler", subresource="scale")
    result = eco2("diff", "--foreign", "-n", domain.namespace, "-o", "json")
    found = [(each["path"], each["value"], each["manager"]) for each in json.loads(result.stdout)["foreign"]]
    assert ("spec.replicas", 3, "the-autoscaler") in found


def _examples() -> list[Object]:
    found, _ = documents.read([str(EXAMPLES)])
    return [document.content for document in found if document.content["kind"] == "EcoDomain"]


@pytest.mark.parametrize("example", _examples(), ids=lambda example: example["metadata"]["name"])
def test_the_api_server_admits_the_examples(api: Api, namespace: str, example: Object) -> None:
    here = {**example, "metadata": {**example["metadata"], "namespace": namespace}}
    stored = api.apply(ECO_DOMAIN, here, manager="eco2-tests", dry_run=True)
    assert stored["metadata"]["name"] == example["metadata"]["name"]
