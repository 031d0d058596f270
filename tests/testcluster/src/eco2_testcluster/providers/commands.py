"""Running other programs for a provider."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from eco2_testcluster.errors import CommandError


def run_command(*words: str | Path, env: Mapping[str, str], seconds: float = 600, stdin: str | None = None) -> str:
    """Run a program of the PATH in `env` and return its output. Raises CommandError with what it said."""
    shown = " ".join(str(word) for word in words)
    try:
        result = subprocess.run(
            [str(word) for word in words],
            env=dict(env),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except OSError as error:
        raise CommandError(f"{shown}: {error}") from None
    except subprocess.TimeoutExpired:
        raise CommandError(f"{shown}: no answer within {seconds:g} s") from None
    if result.returncode:
        said = "\n".join((result.stdout + result.stderr).strip().splitlines()[-15:])
        raise CommandError(f"{shown}: exit code {result.returncode}\n{said}")
    return result.stdout
