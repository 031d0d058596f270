"""Containers of a Docker engine, as restricted as in Kubernetes."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

RESTRICTED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")


def docker(*words: str, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the client. Raises CalledProcessError."""
    program = os.environ.get("DOCKER") or "docker"
    return subprocess.run([program, *words], capture_output=True, text=True, check=check, input=stdin)


def need_engine(base: str) -> None:
    """Skip where nothing can be built from that image."""
    try:
        answers = docker("version", check=False).returncode == 0
    except FileNotFoundError:
        answers = False
    if not answers:
        pytest.skip("not run: no Docker engine")
    if docker("image", "inspect", base, check=False).returncode and docker("pull", base, check=False).returncode:
        pytest.skip(f"not run: {base} is not there and cannot be pulled")


def once(image: str, *words: str, options: tuple[str, ...] = (), stdin: str | None = None) -> tuple[int, str, str]:
    """Run a container without a network to its end: exit code, output, errors."""
    place = ("--rm", "--interactive", "--network", "none", *RESTRICTED, *options)
    done = docker("run", *place, image, *words, check=False, stdin=stdin)
    return done.returncode, done.stdout, done.stderr


@contextmanager
def running(image: str, *words: str, environ: dict[str, str], options: tuple[str, ...] = ()) -> Iterator[str]:
    """A container in the network of the host; its id."""
    variables = [word for name, value in environ.items() for word in ("--env", f"{name}={value}")]
    place = ("--detach", "--network", "host", *RESTRICTED, *options, *variables)
    container = docker("run", *place, image, *words).stdout.strip()
    try:
        yield container
    finally:
        docker("rm", "--force", container)


def inspect(name: str) -> dict[str, Any]:
    """An image, or a container."""
    (found,) = json.loads(docker("inspect", name).stdout)
    assert isinstance(found, dict)
    return found
