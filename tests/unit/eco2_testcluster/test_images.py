from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path, PurePath
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from eco2_testcluster.__main__ import main
from eco2_testcluster.errors import BuildError, ClusterError, ProviderError
from eco2_testcluster.images import ROOT, SOURCES, build_images, reference_of, step

Script = Callable[..., Path]

# Notes its arguments; knows of each image its name.
FAKE_DOCKER = """
echo "$*" >> "$NOTES/calls"
case "$1" in
build) echo "Step 1/2 : FROM base"; echo " ---> 0123"; echo "Step 2/2 : RUN make"; exit "${FAILS:-0}";;
image) echo "[{\\"Id\\": \\"sha256:$3\\", \\"Size\\": 123456789}]";;
esac
"""


@pytest.fixture
def environ(tmp_path: Path, script: Script) -> dict[str, str]:
    script("path/docker", FAKE_DOCKER)
    return {"PATH": f"{tmp_path / 'path'}:/usr/bin:/bin", "NOTES": str(tmp_path)}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout, as far as it is read."""
    folder = tmp_path / "root"
    for source in SOURCES.values():
        (folder / source.folder).mkdir(parents=True)
        (folder / source.folder / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\ndescription = "It"\n')
    return folder


@pytest.fixture
def build(environ: dict[str, str], root: Path):
    """Builds, and notes what was said."""
    said: list[str] = []

    def run(*names: str, **changes: str):
        return build_images(names or tuple(SOURCES), progress=said.append, environ={**environ, **changes}, root=root)

    return SimpleNamespace(run=run, said=said)


def builds(tmp_path: Path) -> list[str]:
    return [line for line in (tmp_path / "calls").read_text().splitlines() if line.startswith("build ")]


def test_every_image_is_built_and_described(build, tmp_path: Path) -> None:
    images = build.run()
    assert [image.name for image in images] == list(SOURCES)
    assert {image.size for image in images} == {123456789}
    assert images[0].id == f"sha256:{images[0].reference}"
    for line, source, image in zip(builds(tmp_path), SOURCES.values(), images, strict=True):
        assert f"--target {source.target} --build-arg PACKAGE={source.package} --build-arg VERSION=1.2.3" in line
        assert "--build-arg DESCRIPTION=It" in line
        assert f"--tag {image.reference} " in line
        assert "BASE_IMAGE" not in line


def test_only_those_named_are_built(build, tmp_path: Path) -> None:
    assert [image.name for image in build.run("sample")] == ["sample"]
    assert len(builds(tmp_path)) == 1


def test_the_base_and_the_repository_can_be_chosen(build, tmp_path: Path) -> None:
    (image,) = build.run("sample", BASE_IMAGE="base.test/python:1", IMAGE_REPOSITORY="mine.test/eco2")
    assert image.reference == "mine.test/eco2:sample-dev-latest"
    assert "--build-arg BASE_IMAGE=base.test/python:1" in builds(tmp_path)[0]


def test_another_program_can_build(build, script: Script, tmp_path: Path) -> None:
    script("path/podman", FAKE_DOCKER)
    (tmp_path / "path" / "docker").unlink()
    assert build.run("sample", DOCKER="podman")


def test_the_steps_are_shown(build) -> None:
    build.run("sample")
    assert build.said == ["sample", "sample: 1/2 FROM base", "sample: 2/2 RUN make"]


def test_a_failed_build_ends_with_what_was_said(build) -> None:
    with pytest.raises(BuildError, match=r"the image operator could not be built:\n(.*\n)*Step 2/2 : RUN make$"):
        build.run(FAILS="1")


def test_an_unknown_image_is_refused(build) -> None:
    with pytest.raises(ClusterError, match="unknown image spam; there are: operator, ext-authz, sample, auth"):
        build.run("spam")


def test_without_an_engine_it_says_how_to_get_one(build, script: Script) -> None:
    script("path/docker", "echo Cannot connect to the Docker daemon >&2; exit 1")
    with pytest.raises(ProviderError, match=r"Cannot connect to the Docker daemon(.|\n)*DOCKER_HOST"):
        build.run()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Step 12/50 : RUN uv venv\n", "12/50 RUN uv venv"),
        ("#9 [dependencies 2/4] RUN uv venv\n", "dependencies 2/4 RUN uv venv"),
        ("#9 sha256:0123\n", None),
        (" ---> 0123\n", None),
    ],
)
def test_both_builders_announce_steps(line: str, shown: str | None) -> None:
    assert step(line) == shown


def test_the_references_are_those_of_the_examples() -> None:
    example = (ROOT / "examples" / "domains" / "ext-authz.yaml").read_text()
    assert f"image: {reference_of('ext-authz', {})}\n" in example


def test_there_is_a_stage_for_every_package() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for source in SOURCES.values():
        assert f"\nFROM image AS {source.target}\n" in dockerfile


def test_the_sources_of_every_package_are_in_the_context() -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for source in SOURCES.values():
        for name in ("src", "pyproject.toml"):
            path = PurePath(source.folder, name)
            assert any(path.is_relative_to(place) for place in kept), path


def test_every_domain_has_an_image_and_what_they_share_has_none() -> None:
    assert {"auth", "character", "my"} <= set(SOURCES)
    assert "_service" not in SOURCES


@pytest.fixture
def command(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("IMAGE_REPOSITORY", raising=False)
    return lambda *words: CliRunner().invoke(main, ["images", *words])


def test_the_command_prints_a_table(command) -> None:
    result = command("sample")
    assert result.exit_code == 0, result.output
    head, line = result.stdout.splitlines()
    assert head.split() == ["NAME", "REFERENCE", "SIZE", "ID"]
    assert line.split()[:4] == ["sample", "docker.io/mng990/eco2:sample-dev-latest", "123", "MB"]


def test_the_command_prints_json(command) -> None:
    (image,) = json.loads(command("sample", "-o", "json").stdout)
    assert image == {
        "name": "sample",
        "reference": "docker.io/mng990/eco2:sample-dev-latest",
        "id": "sha256:docker.io/mng990/eco2:sample-dev-latest",
        "size": 123456789,
    }


def test_the_command_says_what_failed(command, script: Script) -> None:
    script("path/docker", "exit 1")
    result = command()
    assert result.exit_code == 1
    assert "images need a Docker engine" in result.output
