from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eco2_testcluster.errors import CommandError, StartError
from eco2_testcluster.gateway import installation
from eco2_testcluster.gateway.charts import Charts
from eco2_testcluster.gateway.installation import install

PROVIDER = {"name": "eco2-ext-authz"}


class FakeHelm:
    """Notes what is installed; one release can fail."""

    def __init__(self, *, failing: str = "") -> None:
        self.installed: dict[str, tuple[Path, str, dict[str, Any]]] = {}
        self._failing = failing

    def install(self, release: str, chart: Path, *, namespace: str, values: dict[str, Any]) -> None:
        self.installed[release] = (chart, namespace, values)
        if release == self._failing:
            raise CommandError("context deadline exceeded")


class FakeKubectl:
    """Tells of pods and events, or nothing at all."""

    def __init__(self, *, answers: bool = True) -> None:
        self._answers = answers

    def run(self, *words: str) -> str:
        if not self._answers:
            raise CommandError("connection refused")
        return f"{words[1]} in {words[-1]}: ImagePullBackOff\n"


def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said, helm: FakeHelm, kubectl: FakeKubectl) -> list[str]:
    monkeypatch.setattr(installation, "find_charts", lambda **_: Charts(Path("/istio")))
    mesh = tmp_path / "mesh-config.yaml"
    mesh.write_text(f"meshConfig: {{extensionProviders: [{PROVIDER}]}}")
    steps: list[str] = []
    options = {"environ": {}, "reporter": said.reporter, "progress": steps.append}
    install(kubectl, helm, source="local", mesh_config=mesh, replicas=2, **options)  # type: ignore[arg-type]
    return steps


def test_the_control_plane_is_there_before_the_gateway_that_it_completes(tmp_path, monkeypatch, said) -> None:
    helm = FakeHelm()
    steps = run(tmp_path, monkeypatch, said, helm, FakeKubectl())
    assert steps == list(helm.installed) == ["istio-base", "istiod", "istio-ingressgateway"]
    places = {release: (str(chart), namespace) for release, (chart, namespace, _) in helm.installed.items()}
    assert places == {
        "istio-base": ("/istio/manifests/charts/base", "istio-system"),
        "istiod": ("/istio/manifests/charts/istio-control/istio-discovery", "istio-system"),
        "istio-ingressgateway": ("/istio/manifests/charts/gateway", "istio-ingress"),
    }


def test_mesh_configuration_and_number_of_gateways_are_passed_on(tmp_path, monkeypatch, said) -> None:
    helm = FakeHelm()
    run(tmp_path, monkeypatch, said, helm, FakeKubectl())
    assert helm.installed["istiod"][2]["meshConfig"]["extensionProviders"] == [PROVIDER]
    assert helm.installed["istio-ingressgateway"][2]["replicaCount"] == 2


def test_when_helm_waits_in_vain_the_pods_say_why(tmp_path, monkeypatch, said) -> None:
    helm = FakeHelm(failing="istiod")
    with pytest.raises(StartError) as caught:
        run(tmp_path, monkeypatch, said, helm, FakeKubectl())
    assert str(caught.value).splitlines() == [
        "context deadline exceeded",
        "pods in istio-system: ImagePullBackOff",
        "events in istio-system: ImagePullBackOff",
    ]
    assert "istio-ingressgateway" not in helm.installed


def test_a_cluster_that_says_nothing_hides_no_failure(tmp_path, monkeypatch, said) -> None:
    with pytest.raises(StartError, match=r"^context deadline exceeded$"):
        run(tmp_path, monkeypatch, said, FakeHelm(failing="istio-base"), FakeKubectl(answers=False))
