"""The operator as a process of its own, left running after the command."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import psutil

from eco2_testcluster.errors import CommandError
from eco2_testcluster.processes import ProcessId, log_tail, spawn, stop_all

STOP_SECONDS = 20.0
"""Time to finish what it is writing and to give its Lease back."""


class OperatorProcess:
    """Starts, finds again and stops the operator; its identity is in a file of `folder`."""

    def __init__(self, folder: Path, *, command: Sequence[str], environ: Mapping[str, str] | None = None) -> None:
        """`environ` is what the operator inherits, its `ECO2_*` settings among it; None means this process's."""
        self._file = folder / "operator.json"
        self.log = folder / "logs" / "operator.log"
        self._command = tuple(command)
        self._environ = os.environ if environ is None else environ

    def running(self) -> bool:
        """Whether the operator that was started still runs."""
        identity = self._identity()
        return identity is not None and identity.find() is not None

    def start(self, *, kubeconfig: Path) -> None:
        """Start it and write down that it runs. Raises CommandError when the command cannot be run."""
        try:
            child = spawn(self._command, log=self.log, env={**self._environ, "KUBECONFIG": str(kubeconfig)})
        except OSError as error:
            raise CommandError(
                f"the operator cannot be started: {error}; install the workspace (`make up` does, or `uv sync`)"
            ) from None
        try:
            identity = ProcessId.of(child.pid)
        except psutil.NoSuchProcess:
            identity = ProcessId(child.pid, 0)
        # It stays when this process ends; nobody here will ask how it ended.
        child.returncode = 0
        self._file.write_text(json.dumps(asdict(identity)))

    def stop(self) -> bool:
        """Stop it and return whether it ran."""
        identity = self._identity()
        self._file.unlink(missing_ok=True)
        return bool(identity and stop_all([identity], seconds=STOP_SECONDS))

    def check(self) -> None:
        """Raise CommandError, with the end of its log, when it does not run any more."""
        if not self.running():
            raise CommandError(f"the operator ended; end of {self.log}:\n{log_tail(self.log, lines=25)}")

    def _identity(self) -> ProcessId | None:
        try:
            return ProcessId(**json.loads(self._file.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
