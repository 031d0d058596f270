from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from eco2_testcluster import kubectl
from eco2_testcluster.errors import ClusterError, CommandError
from eco2_testcluster.installations.process import ProcessInstallation, Simulated
from eco2_testcluster.processes import ProcessId
from eco2_testcluster.providers import Running
from eco2_testcluster.up import SETTLING, Plan, Up

Script = Callable[..., Path]

# `status` is the Ready condition that every EcoDomain has.
FAKE_KUBECTL = """
echo "$*" | sed 's/--kubeconfig=[^ ]* --cache-dir=[^ ]* //' >> "%(here)s/calls"
case "$*" in
*"get ecodomains"*) cat "%(here)s/domains";;
*"-o name"*) cat > /dev/null; cat "%(here)s/there" 2>/dev/null || true;;
*" -f -"*) cat >> "%(here)s/stdin";;
esac
"""

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ecodomains.eco2.growbin.app}
"""
EXAMPLE = """
apiVersion: v1
kind: Namespace
metadata: {name: scan}
---
apiVersion: eco2.growbin.app/v1alpha1
kind: EcoDomain
metadata: {name: scan, namespace: scan}
spec: {placement: {node: scan}}
"""


class FakeProvider:
    description = "a cluster that does not exist"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.domains: list[str] = []
        self.running: Running | None = None
        self.shared = False
        self.simulated = False

    def start(self, *, domains: Sequence[str], progress: object) -> Running:
        self.domains = list(domains)
        reused = self.running is not None
        self.running = Running(self.folder / "kubeconfig", reused=reused, shared=self.shared, simulated=self.simulated)
        return self.running

    def find(self) -> Running | None:
        return self.running

    def stop(self) -> list[str]:
        stopped = ["cluster"] if self.running else []
        self.running = None
        return stopped


@pytest.fixture
def provider(tmp_path: Path) -> FakeProvider:
    return FakeProvider(tmp_path / "state")


@pytest.fixture
def plan(tmp_path: Path, script: Script, monkeypatch: pytest.MonkeyPatch) -> Plan:
    program = script("kubectl", FAKE_KUBECTL % {"here": tmp_path})
    monkeypatch.setattr(kubectl, "kubectl_path", lambda: program)
    for folder, text in (("crds", CRD), ("examples", EXAMPLE)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "all.yaml").write_text(text)
    eco2 = script(
        "eco2", f'echo "$1 $ECO2_LOG_LEVEL $KUBECONFIG" >> {tmp_path}/eco2-calls; [ "$1" != run ] || exec sleep 600'
    )
    return Plan(
        crds=tmp_path / "crds",
        examples=tmp_path / "examples",
        status=(str(eco2), "status", "-A"),
        settle_seconds=30,
    )


@pytest.fixture
def task(tmp_path: Path, provider: FakeProvider, plan: Plan, said):
    set_ready(tmp_path, "True")
    task = made(tmp_path, provider, plan, said)
    yield task
    task.down()


def made(tmp_path: Path, provider: FakeProvider, plan: Plan, said, simulated: Simulated | None = None) -> Up:
    environ = {"PATH": "/usr/bin:/bin", "ECO2_LOG_LEVEL": "DEBUG"}
    installation = ProcessInstallation(
        provider.folder,
        crds=plan.crds,
        command=(str(tmp_path / "eco2"), "run"),
        reporter=said.reporter,
        simulated=simulated,
        environ=environ,
    )
    return Up(provider, installation, plan, reporter=said.reporter, environ=environ)


def set_ready(folder: Path, status: str, reason: str = "Progressing") -> None:
    condition = {"type": "Ready", "status": status, "reason": reason}
    meta = {"name": "scan", "namespace": "scan"}
    (folder / "domains").write_text(json.dumps({"items": [{"metadata": meta, "status": {"conditions": [condition]}}]}))


def operator(folder: Path) -> ProcessId:
    return ProcessId(**json.loads((folder / "state" / "operator.json").read_text()))


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


def test_everything_is_applied_in_its_order(tmp_path: Path, task: Up, provider: FakeProvider) -> None:
    task.up()
    assert provider.domains == ["scan"]
    verbs = [" ".join(call.split()[:2]) for call in calls(tmp_path)]
    apply = "apply --server-side"
    assert verbs == [apply, "wait --for=condition=Established", apply, apply, f"get {SETTLING[0]}"]
    kinds = ["CustomResourceDefinition", "Namespace", "EcoDomain"]
    text = (tmp_path / "stdin").read_text()
    assert sorted(kinds, key=lambda kind: text.index(f'"kind": "{kind}"')) == kinds


def test_what_fails_on_purpose_comes_when_the_rest_has_settled(tmp_path: Path, task: Up) -> None:
    (tmp_path / "examples" / "broken").mkdir()
    (tmp_path / "examples" / "broken" / "all.yaml").write_text(EXAMPLE.replace("scan", "broken"))
    task.up()
    verbs = [call.split()[0] for call in calls(tmp_path)]
    assert verbs == ["apply", "wait", "apply", "apply", "get", "apply", "get"]


def test_the_operator_outlives_the_command_with_its_settings(tmp_path: Path, task: Up) -> None:
    task.up()
    assert operator(tmp_path).find()
    assert (tmp_path / "eco2-calls").read_text() == f"run DEBUG {tmp_path}/state/kubeconfig\n"


def test_a_second_run_reuses_everything(tmp_path: Path, task: Up, said) -> None:
    task.up()
    first = operator(tmp_path)
    assert task.up().reused
    assert operator(tmp_path) == first
    assert "used again" in said.getvalue()


def test_a_second_run_restarts_a_dead_operator(tmp_path: Path, task: Up) -> None:
    task.up()
    first = operator(tmp_path)
    found = first.find()
    assert found is not None
    found.kill()
    task.up()
    assert operator(tmp_path) != first
    assert operator(tmp_path).find()


def test_an_operator_of_a_cluster_that_is_gone_is_exchanged(tmp_path: Path, task: Up, provider: FakeProvider) -> None:
    task.up()
    first = operator(tmp_path)
    provider.running = None
    task.up()
    assert first.find() is None
    assert operator(tmp_path).find()


def test_down_stops_what_up_started_and_says_so(tmp_path: Path, task: Up) -> None:
    task.up()
    identity = operator(tmp_path)
    assert task.down() == ["operator", "cluster"]
    assert identity.find() is None
    assert task.down() == []


def test_an_interrupted_first_run_leaves_nothing(
    tmp_path: Path, task: Up, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Up, "_settle", interrupt)
    with pytest.raises(KeyboardInterrupt):
        task.up()
    assert provider.running is None
    assert not (tmp_path / "state" / "operator.json").exists()


def test_an_interrupted_second_run_leaves_what_ran_before(
    tmp_path: Path, task: Up, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    task.up()

    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Up, "_settle", interrupt)
    with pytest.raises(KeyboardInterrupt):
        task.up()
    assert provider.running is not None
    assert operator(tmp_path).find()


def test_statuses_that_do_not_settle_are_named(tmp_path: Path, task: Up) -> None:
    set_ready(tmp_path, "False")
    task._plan = replace(task._plan, settle_seconds=0.1)
    with pytest.raises(ClusterError, match=r"scan/scan \(Progressing\); see .*operator\.log.*make down"):
        task.up()
    assert operator(tmp_path).find()


def test_a_broken_example_is_settled_too(tmp_path: Path, task: Up) -> None:
    set_ready(tmp_path, "False", "ImagePullBackOff")
    task.up()


def test_an_operator_that_ends_shows_its_log(tmp_path: Path, script: Script, task: Up) -> None:
    set_ready(tmp_path, "False")
    script("eco2", "echo no such setting; exit 2")
    with pytest.raises(CommandError, match=r"(?s)the operator ended.*no such setting"):
        task.up()


def test_an_operator_that_is_not_installed_is_explained(tmp_path: Path, task: Up) -> None:
    (tmp_path / "eco2").unlink()
    with pytest.raises(CommandError, match="the operator cannot be started"):
        task.up()


def test_no_definitions_are_an_error(tmp_path: Path, task: Up) -> None:
    (tmp_path / "crds" / "all.yaml").unlink()
    with pytest.raises(ClusterError, match="make crds"):
        task.up()


def test_two_at_a_time_are_refused(tmp_path: Path, task: Up) -> None:
    (tmp_path / "state").mkdir()
    with FileLock(tmp_path / "state" / ".up.lock"), pytest.raises(ClusterError, match="another `make up`"):
        task.up()


def test_in_a_cluster_of_others_down_deletes_what_up_created_and_no_more(
    tmp_path: Path, task: Up, provider: FakeProvider, said
) -> None:
    provider.shared = True
    task.up()
    task.up()
    task.down()
    deletions = [call for call in calls(tmp_path) if call.startswith("delete")]
    assert len(deletions) == 1
    head, _, deleted = (tmp_path / "stdin").read_text().rpartition('"kind": "List"')
    assert '"kind": "Namespace"' in head
    assert '"kind": "EcoDomain"' in deleted
    assert '"kind": "Namespace"' not in deleted
    assert "left in the cluster" in said.getvalue()


def test_in_a_cluster_of_others_nothing_is_deleted_that_was_there(
    tmp_path: Path, task: Up, provider: FakeProvider
) -> None:
    provider.shared = True
    (tmp_path / "there").write_text("ecodomain/scan\n")
    task.up()
    assert json.loads((tmp_path / "state" / "applied.json").read_text()) == []


def test_the_table_is_the_product_s_own(tmp_path: Path, task: Up) -> None:
    task.print_table(task.up())
    assert (tmp_path / "eco2-calls").read_text().splitlines()[-1].startswith("status")


def test_a_table_that_cannot_be_printed_is_an_error(tmp_path: Path, script: Script, task: Up) -> None:
    running = task.up()
    script("eco2", "exit 2")
    with pytest.raises(CommandError, match="exit code 2"):
        task.print_table(running)
    script("eco2", "exit 1")
    task.print_table(running)


def test_a_process_started_by_hand_is_not_stopped(tmp_path: Path, task: Up) -> None:
    with subprocess.Popen(["sleep", "600"]) as other:
        (tmp_path / "state").mkdir()
        (tmp_path / "state" / "operator.json").write_text(json.dumps({"pid": other.pid, "started": 1.0}))
        assert task.down() == []
        assert other.poll() is None
        other.kill()


def test_where_pods_are_simulated_so_is_what_others_bring(tmp_path: Path, plan: Plan, provider: FakeProvider, said):
    definition, folder = tmp_path / "definition.yaml", tmp_path / "surroundings"
    definition.write_text(CRD.replace("ecodomains", "gateways"))
    folder.mkdir()
    (folder / "all.yaml").write_text("{apiVersion: v1, kind: Secret, metadata: {name: api-tls, namespace: edge}}")
    set_ready(tmp_path, "True")
    for simulated in (False, True):
        provider.simulated = simulated
        task = made(tmp_path, provider, plan, said, Simulated([definition], [folder]))
        task.finish(task.up())
        task.down()
        applied = (tmp_path / "stdin").read_text()
        assert ("api-tls" in applied) is ("gateways.eco2" in applied) is simulated
