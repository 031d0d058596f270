"""The embedded cluster itself; every test here starts real programs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from eco2_testcluster import EmbeddedCluster, domain_nodes, embedded
from eco2_testcluster.audit import count_requests
from eco2_testcluster.errors import ApiError, StartError, StateError
from eco2_testcluster.kubectl import Kubectl
from eco2_testcluster.ports import named_ports
from eco2_testcluster.state import FILE, ClusterState
from eco2_testcluster.waits import until

pytestmark = pytest.mark.cluster

NewCluster = Callable[..., EmbeddedCluster]
ANNOTATION = "kwok.eco2.growbin.app"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    """A cluster whose components these tests may stop; each leaves it complete."""
    folder = tmp_path_factory.mktemp("own")
    with EmbeddedCluster(
        folder, nodes=domain_nodes(["auth"]), apiserver_flags=("--runtime-config=policy/v1=false",)
    ) as c:
        yield c


def pod_template(image: str, annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"app": "x"}, "annotations": annotations or {}},
        "spec": {"containers": [{"name": "app", "image": image}], **spec},
    }


def create_deployment(cluster: EmbeddedCluster, namespace: str, template: dict[str, Any]) -> None:
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "x"}}, "template": template}
    body = {"metadata": {"name": "web"}, "spec": spec}
    cluster.client.request("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", body)


def create_job(cluster: EmbeddedCluster, namespace: str, template: dict[str, Any]) -> None:
    body = {"metadata": {"name": "job"}, "spec": {"backoffLimit": 0, "template": template}}
    cluster.client.request("POST", f"/apis/batch/v1/namespaces/{namespace}/jobs", body)


def has_condition(cluster: EmbeddedCluster, path: str, kind: str) -> bool:
    status = cluster.client.get(path).get("status", {})
    return any(c["type"] == kind and c["status"] == "True" for c in status.get("conditions", ()))


def first_container(cluster: EmbeddedCluster, namespace: str) -> dict[str, Any]:
    for pod in cluster.client.get(f"/api/v1/namespaces/{namespace}/pods")["items"]:
        for container in pod["status"].get("containerStatuses", ()):
            return container
    return {}


def waiting(cluster: EmbeddedCluster, namespace: str) -> dict[str, Any]:
    return first_container(cluster, namespace).get("state", {}).get("waiting", {})


def processes_of(folder: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE
        and any(str(folder) in word for word in process.info["cmdline"] or ())
    ]


# -- what it can do ---------------------------------------------------------------------------------------


def test_a_deployment_becomes_available(cluster: EmbeddedCluster, namespace: str) -> None:
    create_deployment(cluster, namespace, pod_template("docker.io/mng990/eco2:auth"))
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
    until(lambda: has_condition(cluster, path, "Available"), seconds=15, what="Available")


def test_a_job_completes(cluster: EmbeddedCluster, namespace: str) -> None:
    create_job(cluster, namespace, pod_template("x:1", restartPolicy="Never"))
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs/job"
    until(lambda: has_condition(cluster, path, "Complete"), seconds=15, what="Complete")


def test_a_missing_image_is_not_pulled(cluster: EmbeddedCluster, namespace: str) -> None:
    create_deployment(cluster, namespace, pod_template("docker.io/mng990/eco2:missing-image"))
    until(lambda: waiting(cluster, namespace).get("reason") == "ImagePullBackOff", seconds=15, what="back-off")
    message = waiting(cluster, namespace)["message"]
    assert 'Back-off pulling image "docker.io/mng990/eco2:missing-image"' in message
    assert message.endswith("not found")
    assert not has_condition(cluster, f"/apis/apps/v1/namespaces/{namespace}/deployments/web", "Available")


@pytest.mark.parametrize(("code", "reason"), [("3", "Error"), ("137", "OOMKilled")])
def test_a_crashing_container_is_restarted(cluster: EmbeddedCluster, namespace: str, code: str, reason: str) -> None:
    annotations = {f"{ANNOTATION}/crash": code, f"{ANNOTATION}/crash-message": "no DATABASE_URL"}
    create_deployment(cluster, namespace, pod_template("x:1", annotations))
    until(lambda: waiting(cluster, namespace).get("reason") == "CrashLoopBackOff", seconds=15, what="back-off")
    container = first_container(cluster, namespace)
    last = container["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"], last["message"]) == (int(code), reason, "no DATABASE_URL")
    assert container["restartCount"] >= 1


def test_a_crashing_job_fails(cluster: EmbeddedCluster, namespace: str) -> None:
    create_job(cluster, namespace, pod_template("x:1", {f"{ANNOTATION}/crash": "2"}, restartPolicy="Never"))
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs/job"
    until(lambda: has_condition(cluster, path, "Failed"), seconds=15, what="Failed")
    assert first_container(cluster, namespace)["state"]["terminated"]["exitCode"] == 2


def test_a_readiness_probe_can_pass_late(cluster: EmbeddedCluster, namespace: str) -> None:
    create_deployment(cluster, namespace, pod_template("x:1", {f"{ANNOTATION}/ready-after": "1s"}))
    until(lambda: first_container(cluster, namespace).get("started"), seconds=15, what="started")
    until(lambda: first_container(cluster, namespace)["ready"], seconds=15, what="ready")


def test_logs_say_that_there_is_no_process(cluster: EmbeddedCluster, namespace: str) -> None:
    create_deployment(cluster, namespace, pod_template("x:1"))
    until(lambda: first_container(cluster, namespace).get("ready"), seconds=15, what="ready")
    assert "simulated by kwok" in Kubectl(cluster.kubeconfig).run("logs", "-n", namespace, "deploy/web")


def test_another_user_may_do_what_rbac_says(cluster: EmbeddedCluster, namespace: str) -> None:
    kubectl = Kubectl(cluster.user_kubeconfig("jane", groups=["readers"]))
    assert "jane" in kubectl.run("auth", "whoami")
    with pytest.raises(Exception, match="forbidden"):
        kubectl.run("get", "pods", "-n", namespace)


def test_requests_are_counted_in_the_audit_log(cluster: EmbeddedCluster, namespace: str) -> None:
    def creations() -> int:
        counts = count_requests(cluster.audit_log, user_agent="eco2-testcluster")
        return counts["create", "configmaps"]

    before = creations()
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    cluster.client.request("POST", path, {"metadata": {"name": "x"}})
    assert creations() == before + 1


def test_an_error_of_the_api_server_is_told(cluster: EmbeddedCluster) -> None:
    with pytest.raises(ApiError, match=r"404 namespaces \"none\" not found") as caught:
        cluster.client.request("GET", "/api/v1/namespaces/none")
    assert caught.value.status == 404


# -- what can be done to it -------------------------------------------------------------------------------


def test_it_is_complete(own: EmbeddedCluster) -> None:
    assert own.healthy()
    assert {"auth", "general"} == {n["metadata"]["name"] for n in own.client.get("/api/v1/nodes")["items"]}
    assert own.client.get("/apis/policy/v1") is None
    assert sorted(path.stem for path in own.logs.iterdir()) == sorted([*own.state().components, "guard"])


def test_components_come_back_on_the_same_port(own: EmbeddedCluster) -> None:
    url = own.apiserver_url
    for name in own.state().components:
        own.restart_component(name)
    assert own.apiserver_url == url
    until(own.healthy, seconds=30, what="healthy")


def test_a_stopped_api_server_does_not_answer(own: EmbeddedCluster) -> None:
    own.stop_component("kube-apiserver")
    assert not own.client.answers("/readyz")
    assert not own.healthy()
    own.start_component("kube-apiserver")
    assert own.client.answers("/readyz")


def test_a_paused_api_server_answers_late(own: EmbeddedCluster) -> None:
    own.pause("kube-apiserver")
    assert not own.client.answers("/readyz", seconds=0.5)
    own.resume("kube-apiserver")
    until(lambda: own.client.answers("/readyz"), seconds=20, what="readyz")


def test_a_compaction_and_a_restart_end_old_lists(own: EmbeddedCluster) -> None:
    page = own.client.get("/api/v1/namespaces?limit=1")
    token = page["metadata"]["continue"]
    own.client.request("POST", "/api/v1/namespaces", {"metadata": {"generateName": "compact-"}})
    assert own.etcd_compact() > int(page["metadata"]["resourceVersion"])
    own.restart_component("kube-apiserver")
    with pytest.raises(ApiError) as caught:
        own.client.request("GET", f"/api/v1/namespaces?limit=1&continue={token}")
    assert caught.value.status == 410


def test_a_component_that_does_not_exist_is_named(own: EmbeddedCluster) -> None:
    with pytest.raises(StateError, match="no component 'spam'; there are etcd"):
        own.restart_component("spam")


def test_a_living_cluster_is_not_overwritten(own: EmbeddedCluster) -> None:
    program = "import sys; from pathlib import Path; from eco2_testcluster import EmbeddedCluster;"
    program += "EmbeddedCluster(Path(sys.argv[1])).start()"
    result = subprocess.run([sys.executable, "-c", program, own.directory], capture_output=True, text=True, check=False)
    assert "has a cluster in this folder" in result.stderr
    until(own.healthy, seconds=30, what="the living cluster, on a busy machine,")


# -- starting and stopping --------------------------------------------------------------------------------


def test_nothing_is_left_after_the_stop(tmp_path: Path) -> None:
    with EmbeddedCluster(tmp_path) as cluster:
        assert len(processes_of(tmp_path)) == 6
    assert processes_of(tmp_path) == []
    assert cluster.stop() == []
    assert not (tmp_path / FILE).exists()
    with pytest.raises(StateError, match="no cluster was started in this folder, or it was stopped"):
        cluster.state()


def test_it_ends_with_a_killed_owner(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from eco2_testcluster import EmbeddedCluster;"
        "EmbeddedCluster(Path(sys.argv[1])).start(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    result = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, check=False)
    assert result.returncode == -9
    until(lambda: not processes_of(tmp_path), seconds=20, what="the end of every process")


def test_a_half_started_cluster_is_cleaned_up(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from eco2_testcluster import EmbeddedCluster;"
        "cluster = EmbeddedCluster(Path(sys.argv[1]), detached=True);"
        "cluster.start(progress=lambda text: os._exit(1) if 'kwok' in text else None)"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, check=False)
    left = processes_of(tmp_path)
    assert len(left) == 2
    assert not EmbeddedCluster.attach(tmp_path).healthy()
    with EmbeddedCluster(tmp_path) as cluster:
        assert cluster.healthy()
        assert not any(process.is_running() for process in left)


def test_a_cluster_without_its_state_file_is_cleaned_up(tmp_path: Path) -> None:
    cluster = EmbeddedCluster(tmp_path, detached=True)
    cluster.start()
    (tmp_path / FILE).unlink()
    assert len(processes_of(tmp_path)) == 5
    assert len(cluster.stop_strays()) == 5
    assert processes_of(tmp_path) == []


def test_a_port_that_somebody_takes_is_exchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[dict[str, int]] = []

    def ports(names: list[str]) -> dict[str, int]:
        found = named_ports(names)
        if not answers:
            found["kube-apiserver"] = found["etcd"]
        answers.append(found)
        return found

    monkeypatch.setattr(embedded, "named_ports", ports)
    with EmbeddedCluster(tmp_path) as cluster:
        assert cluster.ports == answers[1]


def test_a_component_that_cannot_start_shows_its_log(tmp_path: Path) -> None:
    cluster = EmbeddedCluster(tmp_path, apiserver_flags=("--no-such-flag",))
    with pytest.raises(StartError, match=r"(?s)kube-apiserver exited with code 1.*no-such-flag"):
        cluster.start()
    assert processes_of(tmp_path) == []


def test_a_detached_cluster_is_found_and_stopped_by_others(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from eco2_testcluster import EmbeddedCluster;"
        "EmbeddedCluster(Path(sys.argv[1]), detached=True, fingerprint='f').start()"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path], check=True)
    cluster = EmbeddedCluster.attach(tmp_path)
    assert cluster.healthy()
    assert cluster.state().fingerprint == "f"
    assert len(cluster.stop()) == 5
    assert processes_of(tmp_path) == []


def test_a_test_may_have_a_cluster_of_its_own(cluster: EmbeddedCluster, new_cluster: NewCluster) -> None:
    own = new_cluster(nodes=())
    assert own.apiserver_url != cluster.apiserver_url
    assert own.client.get("/api/v1/nodes")["items"] == []


def test_the_state_file_of_a_running_cluster_can_be_read(own: EmbeddedCluster) -> None:
    state = ClusterState.load(own.directory)
    assert state is not None
    assert state.ready
    assert next(iter(state.components)) == "etcd"
