from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from eco2_testcluster.errors import CommandError
from eco2_testcluster.helm import Helm


@pytest.fixture
def helm(tmp_path: Path, script: Callable[..., Path]) -> Callable[[str], Helm]:
    def make(body: str) -> Helm:
        return Helm(tmp_path / "kubeconfig", program=script("bin/helm", f'echo "$*" > {tmp_path}/words\n{body}'))

    return make


def words(tmp_path: Path) -> str:
    return (tmp_path / "words").read_text().strip()


def test_a_chart_is_installed_or_upgraded_with_these_values_and_no_others(tmp_path: Path, helm) -> None:
    helm(f"cat > {tmp_path}/stdin").install("r", Path("/c"), namespace="n", values={"a": [1]}, seconds=60)
    assert json.loads((tmp_path / "stdin").read_text()) == {"a": [1]}
    assert words(tmp_path) == (
        "upgrade --install r /c --namespace=n --create-namespace --reset-values --values=- --wait --timeout=60s "
        f"--kubeconfig={tmp_path}/kubeconfig"
    )


def test_a_release_that_is_not_there_is_uninstalled(tmp_path: Path, helm) -> None:
    helm("").uninstall("r", namespace="n")
    assert words(tmp_path).startswith("uninstall r --namespace=n --ignore-not-found --wait")


def test_what_the_user_has_set_for_helm_is_left_out(tmp_path: Path, helm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELM_NAMESPACE", "theirs")
    monkeypatch.setenv("HELM_PLUGINS", "/theirs")
    monkeypatch.setenv("OTHER", "kept")
    found = dict(line.split("=", 1) for line in helm("env").run("env").splitlines() if "=" in line)
    assert {name for name in found if name.startswith("HELM_")} == {
        "HELM_CACHE_HOME",
        "HELM_CONFIG_HOME",
        "HELM_DATA_HOME",
    }
    assert found["HELM_DATA_HOME"] == str(tmp_path / "helm-home" / "data")
    assert found["OTHER"] == "kept"


def test_without_a_kubeconfig_it_is_the_users_own(tmp_path: Path, script: Callable[..., Path]) -> None:
    program = script("bin/helm", f'echo "$*" > {tmp_path}/words; env')
    assert f"HELM_CACHE_HOME={tmp_path}/bin/helm-home/cache" in Helm(None, program=program).run("list").splitlines()
    assert words(tmp_path) == "list"


def test_an_error_holds_what_helm_said(helm) -> None:
    with pytest.raises(CommandError, match="helm status r: Error: release: not found"):
        helm("echo 'Error: release: not found' >&2; exit 1").run("status", "r")


def test_a_hanging_helm_is_given_up(helm) -> None:
    with pytest.raises(CommandError, match=r"no answer within 0\.2 s"):
        helm("exec sleep 60").run("list", seconds=0.2)
