from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from eco2_testcluster import kubectl
from eco2_testcluster.errors import CommandError, ProviderError
from eco2_testcluster.providers.kind import KindProvider, cluster_config

Script = Callable[..., Path]

# Notes its arguments and configuration; `clusters` is a file with the names of those that exist.
FAKE_KIND = """
echo "$*" >> "$NOTES/calls"
case "$1 $2" in
"get clusters") cat "$NOTES/clusters" 2>/dev/null; exit 0;;
"create cluster") cat > "$NOTES/config"; echo eco2 > "$NOTES/clusters"
    while [ "$1" != --kubeconfig ]; do shift; done; echo '{}' > "$2";;
"delete cluster") rm "$NOTES/clusters";;
esac
"""


@pytest.fixture
def environ(tmp_path: Path, script: Script, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    script("path/docker", "exit 0")
    script("path/kind", FAKE_KIND)
    answering = script("path/kubectl", "echo ok")
    monkeypatch.setattr(kubectl, "kubectl_path", lambda: answering)
    return {"PATH": f"{tmp_path / 'path'}:/usr/bin:/bin", "NOTES": str(tmp_path)}


@pytest.fixture
def provider(tmp_path: Path, environ: dict[str, str], said) -> KindProvider:
    return KindProvider(tmp_path / "state", reporter=said.reporter, environ=environ)


def calls(tmp_path: Path, word: str) -> list[str]:
    return [line for line in (tmp_path / "calls").read_text().splitlines() if line.startswith(word)]


def start(provider: KindProvider):
    return provider.start(domains=["auth"], progress=lambda text: None)


def test_a_cluster_is_created_once_and_deleted(tmp_path: Path, provider: KindProvider) -> None:
    assert not start(provider).reused
    assert start(provider).reused
    assert len(calls(tmp_path, "create")) == 1
    assert provider.stop() == ["kind cluster eco2"]
    assert provider.stop() == []
    assert len(calls(tmp_path, "delete")) == 1
    assert provider.find() is None


def test_the_node_image_can_be_chosen(tmp_path: Path, environ, said) -> None:
    environ = {**environ, "KIND_NODE_IMAGE": "registry.test/node:v1"}
    start(KindProvider(tmp_path / "state", reporter=said.reporter, environ=environ))
    assert "--image registry.test/node:v1" in calls(tmp_path, "create")[0]


def test_two_workers_are_there_for_all(tmp_path: Path, provider: KindProvider) -> None:
    start(provider)
    nodes = json.loads((tmp_path / "config").read_text())["nodes"]
    assert [node["role"] for node in nodes] == ["control-plane", "worker", "worker"]
    assert not any("labels" in node for node in nodes)


def test_a_worker_stands_for_each_domain_node_when_that_is_wanted(tmp_path: Path, environ, said) -> None:
    start(KindProvider(tmp_path / "state", reporter=said.reporter, environ={**environ, "KIND_NODES": "domains"}))
    nodes = json.loads((tmp_path / "config").read_text())["nodes"]
    assert [node["role"] for node in nodes] == ["control-plane", "worker", "worker"]
    assert nodes[2]["labels"] == {"domain": "auth"}
    assert '"effect": "NoSchedule"' in nodes[2]["kubeadmConfigPatches"][0]
    assert len(cluster_config([], {})["nodes"]) == 2


def test_ports_of_this_machine_lead_to_the_gateway(tmp_path: Path, environ, said) -> None:
    provider = KindProvider(tmp_path / "state", reporter=said.reporter, environ={**environ, "KIND_HTTP_PORT": "8080"})
    assert provider.ports == {30080: 8080, 30443: 443, 31667: 31667}
    start(provider)
    mappings = json.loads((tmp_path / "config").read_text())["nodes"][0]["extraPortMappings"]
    assert {m["containerPort"]: m["hostPort"] for m in mappings} == provider.ports
    assert {m["listenAddress"] for m in mappings} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("KIND_NODES", "all", "KIND_NODES=all: it is `shared`"),
        ("KIND_HTTPS_PORT", "https", "KIND_HTTPS_PORT=https: a port is a number"),
        ("KIND_NODE_PORT", "70000", "KIND_NODE_PORT=70000: a port is a number"),
    ],
)
def test_a_choice_that_is_none_is_refused(tmp_path: Path, environ, said, name: str, value: str, message: str) -> None:
    provider = KindProvider(tmp_path / "state", reporter=said.reporter, environ={**environ, name: value})
    with pytest.raises(ProviderError, match=message):
        start(provider)
    assert not calls(tmp_path, "create")


def test_images_are_copied_to_the_nodes(tmp_path: Path, provider: KindProvider) -> None:
    provider.load_images(["a:1", "b:2"])
    assert calls(tmp_path, "load") == ["load docker-image --name eco2 a:1 b:2"]


def test_an_engine_that_does_not_answer_is_explained(script: Script, provider: KindProvider) -> None:
    script("path/docker", "echo Cannot connect to the Docker daemon; exit 1")
    with pytest.raises(ProviderError, match=r"(?s)Cannot connect to the Docker daemon.*CLUSTER=embedded"):
        start(provider)


def test_a_cluster_of_somebody_else_is_left_alone(tmp_path: Path, provider: KindProvider) -> None:
    (tmp_path / "clusters").write_text("eco2\n")
    with pytest.raises(ProviderError, match="did not create"):
        start(provider)
    assert provider.stop() == []
    assert (tmp_path / "clusters").exists()


def test_a_failed_creation_is_cleaned_up(tmp_path: Path, script: Script, provider: KindProvider) -> None:
    script("path/kind", FAKE_KIND.replace('> "$2";;', '> "$2"; echo no room; exit 1;;'))
    with pytest.raises(CommandError, match="no room"):
        start(provider)
    assert len(calls(tmp_path, "delete")) == 1
    assert provider.stop() == []


@pytest.mark.parametrize(
    ("said_by_kind", "advice"),
    [
        ("Bind for 127.0.0.1:443 failed: port is already allocated", "choose another with KIND_HTTP_PORT"),
        ("✗ Ensuring node image; failed to pull image", "KIND_NODE_IMAGE"),
    ],
)
def test_a_usual_cause_comes_with_advice(script: Script, provider, said_by_kind: str, advice: str) -> None:
    script("path/kind", FAKE_KIND.replace('> "$2";;', f'> "$2"; echo "{said_by_kind}"; exit 1;;'))
    with pytest.raises(CommandError, match=advice):
        start(provider)


def test_a_cluster_that_does_not_answer_is_made_anew(tmp_path: Path, script: Script, provider: KindProvider) -> None:
    start(provider)
    script("path/kubectl", "exit 1")
    assert not start(provider).reused
    assert [line.split()[0] for line in calls(tmp_path, "") if line.split()[0] != "get"] == [
        "create",
        "delete",
        "create",
    ]


def test_an_unknown_engine_is_refused(tmp_path: Path, environ, said) -> None:
    environ = {**environ, "KIND_EXPERIMENTAL_PROVIDER": "spam"}
    with pytest.raises(ProviderError, match="kind knows docker, podman, nerdctl"):
        start(KindProvider(tmp_path / "state", reporter=said.reporter, environ=environ))
