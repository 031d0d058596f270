"""Whether this machine can run the end-to-end tests."""

import subprocess
from collections.abc import Mapping

DEMANDED = "CI_E2E"
"""Environment variable: with `1`, what is missing is a failure instead of a reason to run nothing."""
BASE_IMAGE = "python:3.13-slim"
NODE_IMAGE = "KIND_NODE_IMAGE"


def missing(environ: Mapping[str, str]) -> str:
    """What is missing, in words; empty when nothing is. What can be pulled is."""
    if not _docker("version"):
        return "no Docker engine answers (DOCKER_HOST may name one)"
    # Where this one can be had by its name, there is a registry, and kind finds its own node image too.
    images = [environ.get("BASE_IMAGE") or BASE_IMAGE, *filter(None, [environ.get(NODE_IMAGE)])]
    absent = [image for image in images if not _docker("image", "inspect", image) and not _docker("pull", image)]
    return f"{', '.join(absent)} is neither here nor can it be pulled" if absent else ""


def _docker(*words: str) -> bool:
    try:
        return subprocess.run(["docker", *words], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
