from __future__ import annotations

import io
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from eco2_testcluster.progress import Reporter


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., Path]:
    """Writes an executable shell script: `script("bin/etcd", "echo hello")`."""

    def write(name: str, body: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    return write


class Said(io.StringIO):
    """What a reporter wrote."""

    @property
    def reporter(self) -> Reporter:
        return Reporter(Console(file=self, width=500))


@pytest.fixture
def said() -> Said:
    return Said()
