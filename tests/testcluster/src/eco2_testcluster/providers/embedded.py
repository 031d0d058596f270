"""The embedded cluster, left running after the command."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from eco2_testcluster.binaries import resolve_binaries
from eco2_testcluster.components import STAGES
from eco2_testcluster.embedded import EmbeddedCluster
from eco2_testcluster.errors import StateError
from eco2_testcluster.layout import Layout
from eco2_testcluster.nodes import domain_nodes
from eco2_testcluster.progress import Reporter
from eco2_testcluster.providers import Running

PATIENCE = 20.0
"""Seconds a busy machine gets to answer before a running cluster is taken for a broken one, and replaced."""


class EmbeddedProvider:
    """etcd, the Kubernetes control plane and kwok as processes on the loopback address."""

    description = "etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok"

    def __init__(self, folder: Path, *, reporter: Reporter, binaries: Mapping[str, Path] | None = None) -> None:
        self.folder = folder
        self._reporter = reporter
        self._binaries = binaries

    def start(self, *, domains: Sequence[str], progress: Callable[[str], object]) -> Running:
        """Start the cluster, unless a healthy one of the same making runs."""
        binaries = self._binaries or resolve_binaries(reporter=self._reporter)
        nodes = domain_nodes(domains)
        fingerprint = _fingerprint(binaries)
        running = self._attach()
        if running and running.state().fingerprint == fingerprint and running.healthy(seconds=PATIENCE):
            running.add_nodes(nodes)
            return self._running(reused=True)
        cluster = EmbeddedCluster(self.folder, nodes=nodes, binaries=binaries, detached=True, fingerprint=fingerprint)
        cluster.start(progress=progress)
        return self._running(reused=False)

    def find(self) -> Running | None:
        """The cluster if it runs and is healthy."""
        running = self._attach()
        return self._running(reused=True) if running and running.healthy() else None

    def stop(self) -> list[str]:
        """Stop the components; the logs stay."""
        running = self._attach()
        stopped = running.stop() if running else []
        # Somebody may have deleted the folder under a running cluster.
        stopped = stopped or EmbeddedCluster(self.folder).stop_strays()
        layout = Layout(self.folder)
        for folder in (layout.pki, layout.kubeconfigs):
            shutil.rmtree(folder, ignore_errors=True)
        layout.kubeconfig.unlink(missing_ok=True)
        return stopped

    def _attach(self) -> EmbeddedCluster | None:
        try:
            return EmbeddedCluster.attach(self.folder)
        except StateError:
            return None

    def _running(self, *, reused: bool) -> Running:
        return Running(Layout(self.folder).kubeconfig.absolute(), reused=reused, simulated=True)


def _fingerprint(binaries: Mapping[str, Path]) -> str:
    """Changes when a new version of this package would start the cluster differently."""
    digest = hashlib.sha256()
    package = Path(__file__).parent.parent
    for path in (*sorted(STAGES.iterdir()), package / "components.py", package / "pki.py"):
        digest.update(path.read_bytes())
    for name, path in sorted(binaries.items()):
        digest.update(f"{name}={path}\n".encode())
    return digest.hexdigest()[:16]
