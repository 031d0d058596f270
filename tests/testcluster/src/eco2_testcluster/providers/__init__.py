"""The clusters `make up` can use: embedded, kind, existing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from eco2_testcluster.kubectl import Kubectl


@dataclass(frozen=True)
class Running:
    """A cluster that is up."""

    kubeconfig: Path
    reused: bool
    """Whether it ran before."""
    simulated: bool = False
    """Whether its pods are simulated."""
    shared: bool = False
    """Whether it is somebody's own: what is applied to it is taken back one by one."""

    @property
    def kubectl(self) -> Kubectl:
        """kubectl for this cluster."""
        return Kubectl(self.kubeconfig, cache=self.kubeconfig.with_name("kubectl-cache"))


class Provider(Protocol):
    """Starts and stops one kind of cluster, with its state in a folder of its own."""

    folder: Path

    @property
    def description(self) -> str:
        """What is started, for the progress display."""
        ...

    def start(self, *, domains: Sequence[str], progress: Callable[[str], object]) -> Running:
        """Start the cluster with a node for each domain, or find that it runs. Raises ClusterError."""
        ...

    def find(self) -> Running | None:
        """The cluster if an earlier `start` left it running."""
        ...

    def stop(self) -> list[str]:
        """Stop what `start` started; returns what that was. Nothing happens the second time."""
        ...
