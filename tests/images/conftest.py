"""The images, built once for all tests."""

from __future__ import annotations

import os

import pytest
from support.containers import need_engine

from eco2_testcluster.images import Image, build_images

BASE = os.environ.get("BASE_IMAGE") or "python:3.13-slim"


@pytest.fixture(scope="session")
def images() -> dict[str, Image]:
    """By name; skips where nothing can be built."""
    need_engine(BASE)
    return {image.name: image for image in build_images(progress=print, environ=os.environ)}
