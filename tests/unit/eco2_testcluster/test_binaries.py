from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from eco2_testcluster.binaries import (
    ASSETS,
    DOWNLOADS,
    BinaryStore,
    cache_dir,
    program_version,
    resolve_binaries,
    same_minor,
)
from eco2_testcluster.errors import BinaryError, BuildError
from eco2_testcluster.releases import Releases
from eco2_testcluster.tools import ETCD, KRO, KWOK, TOOLS
from eco2_testcluster.waits import until

Script = Callable[..., Path]

ETCD_SAYS = 'echo "etcd Version: 3.6.8"; echo "Git SHA: none"'
KWOK_SAYS = 'echo "kwok version v0.8.0 go1.26.8 (linux/amd64)"'

# Notes every build, and makes a program that says that it is etcd.
FAKE_GO = """
if [ "$1" = env ]; then echo go1.99.0; exit; fi
echo "$*" >> "$BUILDS"
while [ -n "$GATE" ] && [ ! -e "$GATE" ]; do sleep 0.05; done
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\necho "etcd Version: 3.6.8"\\n' > "$2"
chmod +x "$2"
"""


def no_network(url: str, path: Path, seconds: float) -> None:
    raise OSError(f"no network: {url}")


@pytest.fixture
def environ(tmp_path: Path, script: Script) -> dict[str, str]:
    script("path/go", FAKE_GO)
    return {
        "PATH": f"{tmp_path / 'path'}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "BUILDS": str(tmp_path / "builds"),
    }


@pytest.fixture
def builds(tmp_path: Path) -> Callable[[], list[str]]:
    path = tmp_path / "builds"
    return lambda: path.read_text().splitlines() if path.exists() else []


def test_assets_come_first(script: Script, environ: dict[str, str], said, builds) -> None:
    own = script("assets/etcd", ETCD_SAYS)
    store = BinaryStore(environ={**environ, ASSETS: str(own.parent)}, reporter=said.reporter)
    cached = store.place(ETCD)
    cached.parent.mkdir(parents=True)
    cached.touch()
    assert store.resolve([ETCD]) == {"etcd": own}
    assert builds() == []


def test_what_the_assets_lack_comes_from_the_next_source(script: Script, environ, said) -> None:
    own = script("assets/etcd", ETCD_SAYS)
    store = BinaryStore(environ={**environ, ASSETS: str(own.parent)}, reporter=said.reporter)
    cached = store.place(KWOK)
    cached.parent.mkdir(parents=True)
    cached.touch()
    assert store.resolve([ETCD, KWOK]) == {"etcd": own, "kwok": cached}


def test_assets_of_another_version_are_not_used(script: Script, environ, said) -> None:
    own = script("assets/etcd", 'echo "etcd Version: 3.5.9"')
    store = BinaryStore(
        environ={**environ, ASSETS: str(own.parent)}, reporter=said.reporter, releases=Releases(no_network)
    )
    assert store.resolve([ETCD]) == {"etcd": store.place(ETCD)}
    assert "assets/etcd is v3.5.9, v3.6.8 is needed: not used" in said.getvalue()


def test_a_release_is_preferred_to_a_build(environ, said, builds) -> None:
    class Found(Releases):
        def checksums(self, tools):
            return {tool.name: "0" * 64 for tool in tools}

        def download(self, tool, *, digest, into):
            into.mkdir()
            (into / tool.name).write_text("downloaded")
            return into / tool.name

    store = BinaryStore(environ=environ, reporter=said.reporter, releases=Found())
    assert store.resolve([ETCD])["etcd"].read_text() == "downloaded"
    assert builds() == []


def test_a_failing_download_is_followed_by_a_build(environ, said, builds) -> None:
    class Broken(Releases):
        def checksums(self, tools):
            return {tool.name: "0" * 64 for tool in tools}

        def download(self, tool, *, digest, into):
            raise BinaryError("the line went dead")

    store = BinaryStore(environ=environ, reporter=said.reporter, releases=Broken())
    store.resolve([ETCD])
    assert len(builds()) == 1
    assert "the line went dead; building it instead" in said.getvalue()


def test_a_build_is_done_once(environ, said, builds) -> None:
    store = BinaryStore(environ=environ, reporter=said.reporter, releases=Releases(no_network))
    assert store.resolve([ETCD]) == store.resolve([ETCD]) == {"etcd": store.place(ETCD)}
    assert len(builds()) == 1
    assert "-mod=readonly -trimpath" in builds()[0]


def test_a_failed_build_leaves_nothing_behind(script: Script, environ, said) -> None:
    script("path/go", 'if [ "$1" = env ]; then echo go1.99.0; exit; fi; echo "undefined: spam" >&2; exit 1')
    store = BinaryStore(environ=environ, reporter=said.reporter, releases=Releases(no_network))
    with pytest.raises(BuildError, match="undefined: spam"):
        store.resolve([ETCD])
    assert not store.place(ETCD).exists()
    assert list((store.cache / "bin").glob(".making-*")) == []


def test_a_build_of_the_wrong_version_is_refused(script: Script, environ, said) -> None:
    script("path/go", FAKE_GO.replace("3.6.8", "3.5.0"))
    store = BinaryStore(environ=environ, reporter=said.reporter, releases=Releases(no_network))
    with pytest.raises(BinaryError, match=r"says it is 'v3\.5\.0', not v3\.6\.8"):
        store.resolve([ETCD])


def test_of_two_processes_one_builds_and_the_other_waits(tmp_path: Path, environ, builds) -> None:
    gate = tmp_path / "gate"
    program = "from eco2_testcluster.binaries import resolve_binaries; print(resolve_binaries(['etcd'])['etcd'])"
    env = {**environ, "GATE": str(gate), DOWNLOADS: "0"}
    errors = tmp_path / "second.err"

    def start(stderr) -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-c", program], env=env, stdout=-1, stderr=stderr, text=True)

    with start(subprocess.DEVNULL) as first:
        until(builds, seconds=20, what="the first build")
        with errors.open("w") as file, start(file) as second:
            until(lambda: "waiting for another process" in errors.read_text(), seconds=20, what="the lock")
            gate.touch()
            paths = {first.communicate(timeout=20)[0], second.communicate(timeout=20)[0]}
    assert len(builds()) == 1
    assert len(paths) == 1
    assert Path(paths.pop().strip()).is_file()


def test_an_unknown_program_is_an_error_that_lists_the_known_ones(environ) -> None:
    with pytest.raises(BinaryError, match=r"unknown program spam; there are etcd, .*kro"):
        resolve_binaries(["spam"], environ=environ)


def test_kro_is_known_and_says_no_version() -> None:
    assert program_version(TOOLS["kro"], Path("/nowhere")) is None
    assert KRO.name not in {tool.name for tool in (ETCD, KWOK)}


@pytest.mark.parametrize(
    ("says", "version"),
    [
        (ETCD_SAYS, "v3.6.8"),
        (KWOK_SAYS, "v0.8.0"),
        ('echo "Kubernetes v1.36.3"', "v1.36.3"),
        ("echo hello", ""),
        ("exit 1", ""),
    ],
)
def test_versions_are_read_from_what_programs_print(script: Script, says: str, version: str) -> None:
    assert program_version(ETCD, script("program", says)) == version


def test_a_patch_level_is_no_difference() -> None:
    assert same_minor("v1.36.1", "v1.36.3")
    assert not same_minor("v1.35.3", "v1.36.3")
    assert not same_minor("", "v1.36.3")


def test_the_cache_follows_the_environment() -> None:
    assert cache_dir({"XDG_CACHE_HOME": "/x", "HOME": "/h"}) == Path("/x/eco2")
    assert cache_dir({"XDG_CACHE_HOME": "relative", "HOME": "/h"}) == Path("/h/.cache/eco2")
