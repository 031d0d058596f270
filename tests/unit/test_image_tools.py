"""What builds images: docker/domain.py, docker/prune.py and docker/rootfs.py."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docker" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    folder = tmp_path / "environment" / "lib" / "python3.13" / "site-packages"
    write(
        folder, "spam/aio/client.py", "spam/client.py", "eggs/data/a/x.json", "eggs/data/b/x.json", "eggs/data/all.json"
    )
    return folder


def prune(tmp_path: Path, table: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "x"\n{table}')
    command = [sys.executable, ROOT / "docker" / "prune.py", tmp_path / "environment", tmp_path / "pyproject.toml"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_is_not_used_goes_and_what_is_kept_stays(tmp_path: Path, packages: Path) -> None:
    done = prune(tmp_path, '[tool.eco2-image]\nwithout = ["spam/aio", "eggs/data/*/"]\nkeep = ["eggs/data/b"]\n')
    assert done.returncode == 0, done.stderr
    assert tree(packages) == {"spam/client.py", "eggs/data/b/x.json", "eggs/data/all.json"}


def test_a_package_without_wishes_keeps_everything(tmp_path: Path, packages: Path) -> None:
    before = tree(packages)
    assert prune(tmp_path, "").returncode == 0
    assert tree(packages) == before


@pytest.mark.parametrize("key", ["without", "keep"])
def test_a_pattern_that_fits_nothing_fails_the_build(tmp_path: Path, packages: Path, key: str) -> None:
    done = prune(tmp_path, f'[tool.eco2-image]\n{key} = ["ham"]\n')
    assert done.returncode == 1
    assert "ham is not in" in done.stderr


def test_the_operator_s_wishes_fit_what_is_installed() -> None:
    table = tomllib.loads((ROOT / "operator" / "pyproject.toml").read_text())["tool"]["eco2-image"]
    packages = Path(sysconfig.get_path("platlib"))
    for pattern in (*table["without"], *table["keep"]):
        assert tool("prune").found(packages, pattern)


def test_a_layer_has_nothing_that_lower_ones_have(tmp_path: Path) -> None:
    write(tmp_path / "one", "usr/lib/libc.so", "bin/python")
    write(tmp_path / "two", "opt/spam.py")
    write(tmp_path / "root", "usr/lib/libc.so", "opt/spam.py", "opt/eggs.py")
    (tmp_path / "one" / "lib").symlink_to("usr/lib")
    (tmp_path / "root" / "lib").symlink_to("usr/lib")
    tool("rootfs").leave_out(tmp_path / "root", [tmp_path / "one", tmp_path / "two"])
    assert tree(tmp_path / "root") == {"opt/eggs.py"}
    assert not (tmp_path / "root" / "usr").exists()


def test_links_are_followed_one_by_one(tmp_path: Path) -> None:
    write(tmp_path, "real/python3.13")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(tmp_path / "real" / "python3.13")
    (tmp_path / "bin" / "python").symlink_to("python3")
    tool("rootfs").copy_file(tmp_path / "bin" / "python", tmp_path / "root")
    inside = tmp_path / "root" / tmp_path.relative_to("/")
    assert tree(inside) == {"bin/python", "bin/python3", "real/python3.13"}
    assert (inside / "bin" / "python").readlink() == Path("python3")


def test_a_link_lies_where_it_really_does(tmp_path: Path) -> None:
    """/lib is /usr/lib: a layer with a folder /lib would hide it."""
    write(tmp_path, "usr/lib/libspam.so.1.2")
    (tmp_path / "usr" / "lib" / "libspam.so").symlink_to("libspam.so.1.2")
    (tmp_path / "lib").symlink_to("usr/lib")
    tool("rootfs").copy_file(tmp_path / "lib" / "libspam.so", tmp_path / "root")
    inside = tmp_path / "root" / tmp_path.relative_to("/")
    assert tree(inside) == {"usr/lib/libspam.so", "usr/lib/libspam.so.1.2"}


def test_programs_and_libraries_are_found_by_what_they_are(tmp_path: Path) -> None:
    write(tmp_path, "lib.so", "program")
    (tmp_path / "program").write_bytes(b"\x7fELF...")
    (tmp_path / "link").symlink_to("program")
    found = [name for name in ("lib.so", "program", "link", ".") if tool("rootfs").is_binary(tmp_path / name)]
    assert found == ["program"]


def test_a_domain_s_image_has_its_program_and_alembic(tmp_path: Path) -> None:
    write(tmp_path / "source", "src/eco2_spam/migrations/env.py")
    (tmp_path / "opt" / "bin").mkdir(parents=True)
    (tmp_path / "opt" / "bin" / "eco2-spam").touch()
    tool("domain").main(tmp_path / "opt", tmp_path / "source", "eco2-spam")
    assert (tmp_path / "opt" / "bin" / "domain").resolve() == tmp_path / "opt" / "bin" / "eco2-spam"
    assert (tmp_path / "opt" / "alembic.ini").read_text() == "[alembic]\nscript_location = eco2_spam:migrations\n"
    program = tmp_path / "opt" / "bin" / "alembic"
    assert program.read_text().splitlines()[0] == f"#!{tmp_path}/opt/bin/python -P"
    assert program.stat().st_mode & 0o111


def test_what_is_no_domain_has_neither(tmp_path: Path) -> None:
    write(tmp_path / "source", "src/eco2_spam/spam.py")
    (tmp_path / "opt" / "bin").mkdir(parents=True)
    tool("domain").main(tmp_path / "opt", tmp_path / "source", "eco2-spam")
    assert tree(tmp_path / "opt") == set()
