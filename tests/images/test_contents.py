"""What is in the images, and what is not. Needs a Docker engine."""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
from support.containers import docker, inspect, once

from eco2_testcluster.images import ROOT, SOURCES, Image, build_images

pytestmark = pytest.mark.slow

NAMES = list(SOURCES)
DOMAINS = [name for name in NAMES if SOURCES[name].target == "domain"]
PROGRAMS = {
    "operator": ["eco2", "kubectl-eco2"],
    "ext-authz": ["eco2-authz"],
    "sample": ["eco2-sample", "valkey-server"],
    **{name: ["alembic", f"eco2-{name}"] for name in DOMAINS},
}
LARGEST = {"operator": 165, "ext-authz": 130, "sample": 90, **dict.fromkeys(DOMAINS, 165)}
"""MB, as the engine counts them."""

LOOK = """
import json, os, stat
from importlib.metadata import distributions
places = [place for place in os.walk("/") if not place[0].startswith(("/proc", "/dev", "/sys"))]
def is_program(path):
    mode = os.lstat(path).st_mode
    if not stat.S_ISREG(mode) or not mode & 0o111 or path.endswith(".py") or ".so" in os.path.basename(path):
        return False
    with open(path, "rb") as file:
        return file.read(4).startswith((b"\\x7fELF", b"#!"))
print(json.dumps({
    "programs": sorted(name for folder, _, names in places for name in names if is_program(os.path.join(folder, name))),
    "installed": sorted(distribution.name for distribution in distributions()),
    "writable": [folder for folder, _, _ in places if os.access(folder, os.W_OK)],
    "stale": [name for folder, _, names in places for name in names
              if name.endswith(".py") and "__pycache__" not in os.listdir(folder)],
    "privileged": [name for folder, _, names in places for name in names
                   if os.lstat(os.path.join(folder, name)).st_mode & (stat.S_ISUID | stat.S_ISGID)],
    "user": [os.getuid(), os.getgid(), os.getgroups()],
}))
"""


def look(image: Image) -> dict[str, Any]:
    code, said, errors = once(image.reference, "-c", LOOK, options=("--entrypoint", "python"))
    assert code == 0, errors
    found: dict[str, Any] = json.loads(said)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_there_is_nothing_but_the_interpreter_and_the_package(images: dict[str, Image], name: str) -> None:
    found = look(images[name])
    assert found["programs"] == sorted([*PROGRAMS[name], "python3.13"])
    assert SOURCES[name].package in found["installed"]
    assert not {"pip", "setuptools", "uv", "wheel", "mypy"} & set(found["installed"])
    others = {source.package for other, source in SOURCES.items() if other != name}
    assert not others & set(found["installed"])
    assert found["privileged"] == []


@pytest.mark.parametrize("name", NAMES)
def test_it_is_nobody_and_can_write_nothing_but_temporary_files(images: dict[str, Image], name: str) -> None:
    found = look(images[name])
    assert found["user"][:2] == [65532, 65532]
    assert inspect(images[name].reference)["Config"]["User"] == "65532:65532"
    assert found["writable"] in ([], ["/tmp"])  # noqa: S108  which a read-only root makes read-only, too


@pytest.mark.parametrize("name", NAMES)
def test_modules_are_compiled_since_they_cannot_be_later(images: dict[str, Image], name: str) -> None:
    assert look(images[name])["stale"] == []


@pytest.mark.parametrize("name", NAMES)
def test_labels_say_what_it_is(images: dict[str, Image], name: str) -> None:
    project = tomllib.loads((ROOT / SOURCES[name].folder / "pyproject.toml").read_text())["project"]
    labels = inspect(images[name].reference)["Config"]["Labels"]
    assert {
        key: labels[f"org.opencontainers.image.{key}"] for key in ("title", "description", "licenses", "version")
    } == {
        "title": project["name"],
        "description": project["description"],
        "licenses": project["license"],
        "version": project["version"],
    }
    assert labels["org.opencontainers.image.revision"]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_small(images: dict[str, Image], name: str) -> None:
    assert images[name].size / 1e6 < LARGEST[name]


def layers(image: Image) -> list[str]:
    found: list[str] = inspect(image.id)["RootFS"]["Layers"]
    return found


def test_all_have_one_lowest_layer(images: dict[str, Image]) -> None:
    assert {len(layers(image)) for image in images.values()} == {3}
    assert len({layers(image)[0] for image in images.values()}) == 1


def test_a_second_build_makes_nothing_new(images: dict[str, Image]) -> None:
    assert {image.name: image for image in build_images(progress=print, environ=os.environ)} == images


def test_a_change_of_the_program_is_one_small_layer(images: dict[str, Image], tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("docker", "domains/_service", *(source.folder for source in SOURCES.values())):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for name in ("Dockerfile", ".dockerignore", "pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "tests" / "sample" / "src" / "eco2_sample" / "new.py").touch()
    environ = {**os.environ, "IMAGE_REPOSITORY": "eco2-test"}
    changed, same = build_images(["sample", "operator"], progress=print, environ=environ, root=tmp_path)
    try:
        assert layers(changed)[:2] == layers(images["sample"])[:2]
        assert layers(changed)[2] != layers(images["sample"])[2]
        assert layers(same) == layers(images["operator"])
    finally:
        docker("image", "rm", changed.reference, same.reference)
