"""The operator as a process on this machine: the source of this checkout, without an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eco2_testcluster.examples import Examples, object_files, read_objects
from eco2_testcluster.installations.definitions import apply_definitions, read_definitions
from eco2_testcluster.kubectl import Kubectl
from eco2_testcluster.operator_process import OperatorProcess
from eco2_testcluster.progress import Reporter
from eco2_testcluster.providers import Running


@dataclass(frozen=True)
class Simulated:
    """What others would bring into a cluster, where its pods are simulated."""

    definitions: Sequence[Path] = ()
    """Files."""
    objects: Sequence[Path] = ()
    """Folders."""


class ProcessInstallation:
    """Definitions by kubectl, the operator as a process.

    Args:
        folder: where the process is remembered.
        crds: folder of the operator's definitions.
        command: the command line of the operator.
        environ: what the operator inherits; None means this process's.
    """

    def __init__(
        self,
        folder: Path,
        *,
        crds: Path,
        command: Sequence[str],
        reporter: Reporter,
        simulated: Simulated | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._crds = crds
        self._reporter = reporter
        self._simulated = simulated or Simulated()
        self._operator = OperatorProcess(folder, command=command, environ=environ)

    @property
    def whereabouts(self) -> str:
        """See `Installation`."""
        return str(self._operator.log)

    def install(self, running: Running, examples: Examples) -> bool:
        """See `Installation`."""
        with self._reporter.step(f"custom resource definitions from {self._crds}"):
            apply_definitions(running.kubectl, read_definitions(self._crds))
        if running.simulated and self._simulated.objects:
            with self._reporter.step("what others would bring, simulated: Istio's gateway"):
                self._simulate(running.kubectl)
        with self._reporter.step("operator"):
            if not running.reused and self._operator.running():
                # Left over from a cluster that is gone.
                self._operator.stop()
            if self._operator.running():
                return False
            self._operator.start(kubeconfig=running.kubeconfig)
            return True

    def adapted(self, examples: Examples) -> Examples:
        """They are applied as they are."""
        return examples

    def check(self) -> None:
        """See `Installation`."""
        self._operator.check()

    def finish(self, running: Running, examples: Examples) -> list[str]:
        """See `Installation`."""
        return ["pods are simulated by kwok: no container runs, and images are not pulled"] if running.simulated else []

    def uninstall(self) -> list[str]:
        """See `Installation`."""
        return ["operator"] if self._operator.stop() else []

    def _simulate(self, kubectl: Kubectl) -> None:
        apply_definitions(kubectl, [crd for path in self._simulated.definitions for crd in read_objects(path)])
        files = [path for folder in self._simulated.objects for path in object_files(folder)]
        kubectl.apply([obj for path in files for obj in read_objects(path)])
