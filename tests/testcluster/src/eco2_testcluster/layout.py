"""Where a cluster keeps its files: one folder for each cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The paths below a cluster's folder."""

    root: Path

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.root / "pki"

    @property
    def data(self) -> Path:
        """What etcd stores."""
        return self.root / "etcd"

    @property
    def logs(self) -> Path:
        """One log file for each component."""
        return self.root / "logs"

    @property
    def audit(self) -> Path:
        """The API server's audit log, one JSON event a line."""
        return self.logs / "audit.log"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.root / "kubeconfig"

    @property
    def kubeconfigs(self) -> Path:
        """The kubeconfigs of the components and of other users."""
        return self.root / "kubeconfigs"

    def log(self, component: str) -> Path:
        """A component's log file."""
        return self.logs / f"{component}.log"

    def create(self) -> None:
        """Make the folders; what they hold is for the owner only."""
        for folder in (self.root, self.pki, self.data, self.kubeconfigs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
