from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from eco2_testcluster import kubectl
from eco2_testcluster.errors import CommandError
from eco2_testcluster.kubectl import Kubectl


@pytest.fixture
def answer(tmp_path: Path, script: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def set_answer(body: str) -> None:
        program = script("kubectl", f'echo "$*" > {tmp_path}/words\n{body}')
        monkeypatch.setattr(kubectl, "kubectl_path", lambda: program)

    return set_answer


def test_objects_are_applied_as_one_list(tmp_path: Path, answer) -> None:
    answer(f"cat > {tmp_path}/stdin")
    Kubectl(Path("/k")).apply([{"kind": "Namespace"}])
    assert json.loads((tmp_path / "stdin").read_text())["items"] == [{"kind": "Namespace"}]
    words = (tmp_path / "words").read_text().strip()
    assert words == "--kubeconfig=/k apply --server-side --force-conflicts --field-manager=eco2-up -f -"


def test_nothing_is_applied_when_there_is_nothing(tmp_path: Path, answer) -> None:
    answer("exit 1")
    Kubectl(Path("/k")).apply([])
    assert not (tmp_path / "words").exists()


def test_an_error_holds_what_kubectl_said(answer) -> None:
    answer("echo 'no matches for kind' >&2; exit 1")
    with pytest.raises(CommandError, match="kubectl get spam: no matches for kind"):
        Kubectl(None).run("get", "spam")


def test_a_hanging_kubectl_is_given_up(answer) -> None:
    answer("exec sleep 60")
    with pytest.raises(CommandError, match=r"no answer within 0\.2 s"):
        Kubectl(None).run("get", "pods", seconds=0.2)


def test_existence_is_asked_for_by_name(answer) -> None:
    answer("echo namespace/auth")
    assert Kubectl(None).exists({"kind": "Namespace"})
    answer("true")
    assert not Kubectl(None).exists({"kind": "Namespace"})
