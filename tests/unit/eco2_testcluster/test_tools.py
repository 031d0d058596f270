from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from eco2_testcluster import tools
from eco2_testcluster.errors import BinaryError
from eco2_testcluster.gobuild import WHEEL_VERSION, required_go
from eco2_testcluster.tools import TOOLS, Tool, module_hash


@pytest.mark.parametrize("tool", TOOLS.values(), ids=lambda tool: tool.name)
def test_every_module_requires_the_version_of_its_tool(tool: Tool) -> None:
    lines = (tool.module_dir / "go.mod").read_text().split("\n")
    paths = [tool.package.rsplit("/", cut)[0] if cut else tool.package for cut in range(tool.package.count("/"))]
    required = {word[0]: word[1] for line in lines if len(word := line.replace("require", "").split()) >= 2}
    assert tool.version in [required.get(path) for path in paths]


@pytest.mark.parametrize("tool", TOOLS.values(), ids=lambda tool: tool.name)
def test_every_module_pins_what_it_downloads(tool: Tool) -> None:
    assert "h1:" in (tool.module_dir / "go.sum").read_text()


@pytest.mark.parametrize("tool", TOOLS.values(), ids=lambda tool: tool.name)
def test_the_wheel_is_new_enough_for_every_module(tool: Tool) -> None:
    assert tuple(map(int, WHEEL_VERSION.split("."))) >= required_go(tool.module_dir)


def test_the_hash_of_a_module_changes_with_either_file(tmp_path: Path) -> None:
    shutil.copytree(tools.ETCD.module_dir, tmp_path / "etcd")
    before = module_hash(tmp_path / "etcd")
    (tmp_path / "etcd" / "go.sum").write_text("other")
    assert module_hash(tmp_path / "etcd") != before


def test_another_system_is_told_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools.platform, "system", lambda: "Windows")
    with pytest.raises(BinaryError, match="CLUSTER=existing"):
        tools.goos()


def test_another_processor_is_told_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools.platform, "machine", lambda: "riscv64")
    with pytest.raises(BinaryError, match="riscv64"):
        tools.goarch()
