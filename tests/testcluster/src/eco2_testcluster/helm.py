"""Helm, from its Go module, against one kubeconfig."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eco2_testcluster.errors import CommandError

_HOMES = ("CACHE", "CONFIG", "DATA")
_MARGIN_SECONDS = 30.0
"""Helm's own timeout says what it waited for, so it comes first."""


class Helm:
    """Runs helm; nothing but the given kubeconfig decides which cluster it talks to."""

    def __init__(self, kubeconfig: Path | None, *, program: Path) -> None:
        """kubeconfig: None means the user's own current one."""
        self._program = program
        self._flags = [f"--kubeconfig={kubeconfig}"] if kubeconfig else []
        self._home = (kubeconfig or program).parent / "helm-home"

    def run(self, *words: str, stdin: str | None = None, seconds: float = 300) -> str:
        """Run a command and return its output. Raises CommandError with what helm said."""
        try:
            result = subprocess.run(
                [self._program, *words, *self._flags],
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                env=self._environment(),
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise CommandError(f"helm {' '.join(words)}: no answer within {seconds:g} s") from None
        if result.returncode:
            raise CommandError(f"helm {' '.join(words)}: {result.stderr.strip() or result.stdout.strip()}")
        return result.stdout

    def install(
        self, release: str, chart: Path, *, namespace: str, values: Mapping[str, Any], seconds: float = 300
    ) -> None:
        """Install a chart, or bring its release to these values and no others; returns when its objects are ready."""
        self.run(
            *("upgrade", "--install", release, str(chart), f"--namespace={namespace}", "--create-namespace"),
            *("--reset-values", "--values=-", "--wait", f"--timeout={seconds:g}s"),
            stdin=json.dumps(values),
            seconds=seconds + _MARGIN_SECONDS,
        )

    def uninstall(self, release: str, *, namespace: str) -> None:
        """Remove a release; returns when its objects are gone. There may be none."""
        self.run("uninstall", release, f"--namespace={namespace}", "--ignore-not-found", "--wait")

    def _environment(self) -> dict[str, str]:
        """Without the user's settings, plugins and repositories."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("HELM_")}
        return {**own, **{f"HELM_{home}_HOME": str(self._home / home.lower()) for home in _HOMES}}
