from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from eco2_testcluster import kubectl
from eco2_testcluster.errors import ProviderError
from eco2_testcluster.providers.existing import ExistingProvider

Script = Callable[..., Path]

FAKE_KUBECTL = """
case "$*" in
*"config current-context"*) cat "%(here)s/context" 2>/dev/null || { echo "current-context is not set" >&2; exit 1; };;
*"config view"*) echo "current-context: $(cat %(here)s/context)";;
*"--raw /readyz"*) test -e "%(here)s/down" && { echo refused >&2; exit 1; }; echo ok;;
*"get nodes"*) echo '{"items": [{"metadata": {"labels": {"domain": "auth"}}}]}';;
esac
"""


@pytest.fixture
def provider(tmp_path: Path, script: Script, monkeypatch: pytest.MonkeyPatch, said) -> ExistingProvider:
    program = script("kubectl", FAKE_KUBECTL % {"here": tmp_path})
    monkeypatch.setattr(kubectl, "kubectl_path", lambda: program)
    (tmp_path / "context").write_text("prod")
    return ExistingProvider(tmp_path / "state", reporter=said.reporter)


def start(provider: ExistingProvider, *domains: str):
    return provider.start(domains=domains, progress=lambda text: None)


def test_it_says_which_context_it_uses_and_keeps_to_it(tmp_path: Path, provider: ExistingProvider, said) -> None:
    running = start(provider)
    assert "using the context 'prod';" in said.getvalue()
    assert running.kubeconfig.read_text() == "current-context: prod\n"
    assert stat.S_IMODE(running.kubeconfig.stat().st_mode) == 0o600
    assert running.shared
    assert provider.find() == running


def test_another_context_than_last_time_is_refused(tmp_path: Path, provider: ExistingProvider) -> None:
    start(provider)
    (tmp_path / "context").write_text("other")
    with pytest.raises(ProviderError, match="since the last time, and the current one is 'other'"):
        start(provider)


def test_no_context_is_an_error(tmp_path: Path, provider: ExistingProvider) -> None:
    (tmp_path / "context").unlink()
    with pytest.raises(ProviderError, match=r"current-context is not set; choose a context"):
        start(provider)


def test_a_cluster_that_does_not_answer_is_an_error(tmp_path: Path, provider: ExistingProvider) -> None:
    (tmp_path / "down").touch()
    with pytest.raises(ProviderError, match="cluster of the context 'prod' does not answer"):
        start(provider)
    assert provider.find() is None


def test_missing_nodes_are_a_warning(provider: ExistingProvider, said) -> None:
    start(provider, "auth", "scan")
    assert "no node has the label domain=scan:" in said.getvalue()


def test_stopping_forgets_the_context_and_touches_nothing_else(provider: ExistingProvider) -> None:
    running = start(provider)
    assert provider.stop() == ["use of the context 'prod' (the cluster itself goes on)"]
    assert provider.stop() == []
    assert not running.kubeconfig.exists()
