"""Building the images of the workspace's packages, all by the Dockerfile in the root."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eco2_testcluster.errors import BuildError, ClusterError, CommandError, ProviderError
from eco2_testcluster.providers.commands import run_command

ROOT = Path(__file__).parents[4]
REPOSITORY = "docker.io/mng990/eco2"
"""Where the examples have their images; the environment variable IMAGE_REPOSITORY names another one."""
TAIL = 30
"""Lines of a build's output that an error ends with."""
_STEP = re.compile(r"(?:Step (?P<number>\d+/\d+) : |#\d+ \[(?P<stage>[^]]+)] )(?P<what>.*)")
"""How the two builders of Docker announce a step."""


@dataclass(frozen=True)
class Source:
    """What an image is made from: a package of the workspace, its folder, and the Dockerfile's last stage for it."""

    package: str
    folder: str
    target: str


SOURCES = {
    name: Source(package, folder, target=package)
    for name, package, folder in (
        ("operator", "eco2-operator", "operator"),
        ("ext-authz", "eco2-authz", "authz"),
        ("sample", "eco2-sample", "tests/sample"),
    )
}
SOURCES |= {  # every folder of `domains` is a domain, but those that begin with an underscore: they are shared
    folder.name: Source(f"eco2-{folder.name}", f"domains/{folder.name}", target="domain")
    for folder in sorted((ROOT / "domains").glob("[a-z]*"))
}


@dataclass(frozen=True)
class Image:
    """An image in the engine.

    Args:
        id: changes when anything in it does.
        size: in bytes, as the engine keeps it, with what other images share.
    """

    name: str
    reference: str
    id: str
    size: int


def build_images(
    names: Sequence[str] = tuple(SOURCES),
    *,
    progress: Callable[[str], object],
    environ: Mapping[str, str],
    root: Path = ROOT,
) -> list[Image]:
    """Build images one after another; the engine reuses what has not changed.

    Args:
        progress: gets what is being done.
        environ: BASE_IMAGE, IMAGE_REPOSITORY, DOCKER (the program) and what that reads, such as DOCKER_HOST.

    Raises:
        ClusterError: for an unknown name.
        ProviderError: when no engine answers.
        BuildError: with the end of the build's output.
    """
    unknown = [name for name in names if name not in SOURCES]
    if unknown:
        raise ClusterError(f"unknown image {', '.join(unknown)}; there are: {', '.join(SOURCES)}")
    engine = _Engine(engine_program(environ), environ)
    engine.check()
    revision = _revision(root, environ)
    images = []
    for name in names:
        progress(name)
        source, reference = SOURCES[name], reference_of(name, environ)
        project = _project(root / source.folder)
        arguments = {
            "PACKAGE": source.package,
            "VERSION": project["version"],
            "DESCRIPTION": project["description"],
            "REVISION": revision,
            **({"BASE_IMAGE": base} if (base := environ.get("BASE_IMAGE")) else {}),
        }
        engine.build(name, reference, root, source.target, arguments, progress)
        images.append(Image(name, reference, *engine.inspect(reference)))
    return images


def engine_program(environ: Mapping[str, str]) -> str:
    """The program that talks to the engine."""
    return environ.get("DOCKER") or "docker"


def tag_image(image: Image, reference: str, *, environ: Mapping[str, str]) -> None:
    """Give an image another name too. Raises CommandError."""
    run_command(engine_program(environ), "tag", image.id, reference, env=environ)


def reference_of(name: str, environ: Mapping[str, str]) -> str:
    """How an image is called in manifests."""
    return f"{environ.get('IMAGE_REPOSITORY') or REPOSITORY}:{name}-dev-latest"


def _revision(root: Path, environ: Mapping[str, str]) -> str:
    """The commit, and whether files differ from it; empty outside of a git repository."""
    words = ("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    try:
        return run_command("git", "-C", root, *words, env=environ, seconds=30).strip()
    except CommandError:
        return ""


def _project(folder: Path) -> dict[str, str]:
    project: dict[str, str] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return project


def step(line: str) -> str | None:
    """The step that a line of a build's output announces, if it does."""
    found = _STEP.match(line)
    return f"{found['number'] or found['stage']} {found['what'][:60].rstrip()}" if found else None


class _Engine:
    """The program that talks to the engine."""

    def __init__(self, program: str, environ: Mapping[str, str]) -> None:
        self._program = program
        self._environ = environ

    def check(self) -> None:
        try:
            run_command(self._program, "version", env=self._environ, seconds=30)
        except CommandError as error:
            raise ProviderError(
                f"images need a Docker engine, and {self._program} does not answer:\n{error}\n"
                "Start it (for Docker: `sudo systemctl start docker`, or Docker Desktop); DOCKER_HOST may name another "
                "one, and DOCKER another program, such as podman"
            ) from None

    def build(
        self,
        name: str,
        reference: str,
        root: Path,
        target: str,
        arguments: Mapping[str, str],
        progress: Callable[[str], object],
    ) -> None:
        words = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
        last: deque[str] = deque(maxlen=TAIL)
        with subprocess.Popen(
            # The network of the host: a proxy or a mirror of PyPI may be there alone.
            [self._program, "build", "--network", "host", "--target", target, *words, "--tag", reference, str(root)],
            env=dict(self._environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            try:
                for line in process.stdout or ():
                    last.append(line.rstrip())
                    if said := step(line):
                        progress(f"{name}: {said}")
            except BaseException:
                process.terminate()
                raise
        if process.returncode:
            raise BuildError("\n".join([f"the image {name} could not be built:", *last]))

    def inspect(self, reference: str) -> tuple[str, int]:
        """Its id and size."""
        (found,) = json.loads(run_command(self._program, "image", "inspect", reference, env=self._environ, seconds=30))
        return found["Id"], found["Size"]
