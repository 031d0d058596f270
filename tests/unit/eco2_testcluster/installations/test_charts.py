from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from eco2_testcluster import images
from eco2_testcluster.errors import CommandError, ProviderError
from eco2_testcluster.examples import Examples
from eco2_testcluster.images import Image
from eco2_testcluster.installations import charts
from eco2_testcluster.installations.charts import ChartInstallation
from eco2_testcluster.installations.front_door import FrontDoor

REPOSITORY = "docker.io/mng990/eco2"
IMAGES = [
    Image("operator", f"{REPOSITORY}:operator-dev-latest", "sha256:o", 1),
    Image("ext-authz", f"{REPOSITORY}:ext-authz-dev-latest", "sha256:a", 1),
    Image("sample", f"{REPOSITORY}:sample-dev-latest", "sha256:s", 1),
]
EXAMPLES = Examples(
    namespaces=({"kind": "Namespace", "metadata": {"name": "platform-system"}},),
    working=(
        {"kind": "EcoDomain", "metadata": {"name": "authz"}, "spec": {"image": f"{REPOSITORY}:ext-authz-dev-latest"}},
        {
            "kind": "EcoDomain",
            "metadata": {"name": "scan"},
            "spec": {"image": f"{REPOSITORY}:scan-dev-latest", "placement": {"node": "scan"}},
        },
        {
            "kind": "EcoIngress",
            "metadata": {"name": "api"},
            "spec": {"hosts": ["api.test"], "gateway": {"tls": {"secretName": "api-tls"}}},
        },
    ),
)


class Nodes:
    def __init__(self, folder: Path, done: list[str]) -> None:
        self.folder = folder
        self.has_domain_nodes = False
        self.ports = {30443: 8443}
        self._done = done

    def load_images(self, references: Sequence[str]) -> None:
        self._done.append("load " + " ".join(reference.rpartition("/")[2] for reference in references))


class Kubectl:
    def __init__(self, done: list[str]) -> None:
        self._done = done

    def apply(self, objects: Sequence[dict[str, Any]]) -> None:
        self._done.append("apply " + " ".join(obj["kind"] for obj in objects))


class Running:
    def __init__(self, folder: Path, done: list[str]) -> None:
        self.kubeconfig = folder / "kubeconfig"
        self.kubectl = Kubectl(done)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of others, in its order."""
    asked: list[str] = []

    class Helm:
        def __init__(self, kubeconfig: Path, *, program: Path) -> None:
            pass

        def install(self, release: str, chart: Path, *, namespace: str, values: dict[str, Any]) -> None:
            asked.append(f"helm {release} {chart.name} {namespace} {values['podAnnotations']}")

    def install_gateway(kubectl: object, helm: object, *, source: str, **_: object) -> None:
        asked.append(f"gateway {source}")

    def local_images(**_: object) -> list[str]:
        return ["docker.io/istio/pilot:local"]

    monkeypatch.setattr(charts, "Helm", Helm)
    monkeypatch.setattr(charts, "build_images", lambda names, **_: IMAGES)
    monkeypatch.setattr(charts, "resolve_binaries", lambda names, **_: {name: Path(name) for name in names})
    monkeypatch.setattr(charts.gateway, "install", install_gateway)
    monkeypatch.setattr(charts.gateway, "local_images", local_images)
    monkeypatch.setattr(images, "run_command", lambda *words, env: asked.append(" ".join(words)))
    return asked


def installation(tmp_path: Path, done: list[str], said, **environ: str) -> ChartInstallation:
    return ChartInstallation(
        Nodes(tmp_path / "state", done),
        charts=tmp_path / "charts",
        mesh_config=tmp_path / "mesh.yaml",
        surroundings=tmp_path / "none",
        reporter=said.reporter,
        environ=environ,
    )


def test_everything_comes_in_its_order(tmp_path: Path, done: list[str], said) -> None:
    made = installation(tmp_path, done, said)
    assert made.install(Running(tmp_path, done), EXAMPLES) is False
    assert done == [
        f"docker tag sha256:s {REPOSITORY}:scan-dev-latest",
        "load eco2:operator-dev-latest eco2:ext-authz-dev-latest eco2:sample-dev-latest eco2:scan-dev-latest",
        "gateway istio",
        "apply Namespace",
        "apply Secret",
        "helm eco2-operator eco2-operator platform-system {'eco2.growbin.app/image-id': 'sha256:o'}",
    ]
    scan = made.adapted(EXAMPLES).working[1]
    assert scan["metadata"]["annotations"] == {"eco2.growbin.app/restart": "sha256:s"}
    assert "placement" not in scan["spec"]
    assert "`placement` is left out" in said.getvalue()
    assert made.uninstall() == []


def test_images_of_istio_that_are_built_here_are_loaded_too(tmp_path: Path, done: list[str], said) -> None:
    installation(tmp_path, done, said, GATEWAY="local").install(Running(tmp_path, done), EXAMPLES)
    assert done[1].endswith("pilot:local")
    assert done[2] == "gateway local"


def test_an_unknown_source_of_the_gateway_is_refused_before_anything_is_done(tmp_path: Path, done, said) -> None:
    with pytest.raises(ProviderError, match=r"GATEWAY=nginx: it is `istio`.*or `local`"):
        installation(tmp_path, done, said, GATEWAY="nginx").install(Running(tmp_path, done), EXAMPLES)
    assert done == []


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Statuses of the gateway: without a token, and with one."""
    statuses = {"without": 401, "with": 200}

    def get(door: FrontDoor, path: str, *, token: str | None = None) -> tuple[int, bytes]:
        return statuses["with" if token else "without"], b""

    monkeypatch.setattr(FrontDoor, "get", get)
    monkeypatch.setattr(FrontDoor, "token", lambda door, path: "t")
    return statuses


def test_it_is_finished_when_the_gateway_refuses_and_answers(tmp_path: Path, done, said, answers) -> None:
    lines = installation(tmp_path, done, said).finish(Running(tmp_path, done), EXAMPLES)
    assert "https://api.test:8443/api/v1/scan/" in lines[0]
    assert any("--resolve api.test:8443:127.0.0.1" in line for line in lines)


@pytest.mark.parametrize(("name", "status"), [("without", 200), ("with", 503)])
def test_a_gateway_that_lets_everybody_in_or_nobody_is_an_error(
    tmp_path: Path, done, said, answers, monkeypatch: pytest.MonkeyPatch, name: str, status: int
) -> None:
    monkeypatch.setattr(charts, "ANSWER_SECONDS", 0.0)
    answers[name] = status
    with pytest.raises(CommandError, match=rf"{status} with.*; see `eco2 status -A`"):
        installation(tmp_path, done, said).finish(Running(tmp_path, done), EXAMPLES)
