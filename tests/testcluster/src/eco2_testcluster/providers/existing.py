"""Somebody's own cluster: the current context of their kubeconfig."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from eco2_testcluster.certs import write_private
from eco2_testcluster.errors import CommandError, ProviderError
from eco2_testcluster.kubectl import Kubectl
from eco2_testcluster.progress import Reporter
from eco2_testcluster.providers import Running

CONTEXT = "context"


class ExistingProvider:
    """Uses a cluster and changes nothing about it but what is applied."""

    description = "your current kubectl context"

    def __init__(self, folder: Path, *, reporter: Reporter, kubeconfig: Path | None = None) -> None:
        """kubeconfig: None means the user's own (KUBECONFIG, or ~/.kube/config)."""
        self.folder = folder
        self._reporter = reporter
        self._source = Kubectl(kubeconfig)

    def start(self, *, domains: Sequence[str], progress: Callable[[str], object]) -> Running:
        """Take the current context. Raises ProviderError when there is none, or its cluster does not answer."""
        try:
            context = self._source.run("config", "current-context").strip()
        except CommandError as error:
            raise ProviderError(
                f"{error}; choose a context with `kubectl config use-context`, or use the embedded cluster "
                "(CLUSTER=embedded)"
            ) from None
        earlier = self._context()
        if earlier not in (None, context):
            raise ProviderError(
                f"`make up` uses the context {earlier!r} since the last time, and the current one is {context!r}: "
                "run `make down CLUSTER=existing` first, or switch back"
            )
        self._reporter.say(f"using the context {context!r}; nothing is deleted there but what `make up` creates")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A copy of this context alone: switching contexts later moves neither the operator nor `make down`.
        copy = self._source.run("config", "view", "--minify", "--flatten", "--raw")
        write_private(self._kubeconfig, copy.encode())
        (self.folder / CONTEXT).write_text(context)
        running = Running(self._kubeconfig.absolute(), reused=True, shared=True)
        try:
            running.kubectl.run("get", "--raw", "/readyz", seconds=30)
        except CommandError as error:
            self.stop()
            raise ProviderError(f"the cluster of the context {context!r} does not answer: {error}") from None
        self._warn_about_nodes(running.kubectl, domains)
        return running

    def find(self) -> Running | None:
        """The cluster, if `start` was called before."""
        if self._context() is None or not self._kubeconfig.exists():
            return None
        return Running(self._kubeconfig.absolute(), reused=True, shared=True)

    def stop(self) -> list[str]:
        """Forget the context. The cluster is not ours to stop."""
        context = self._context()
        self._kubeconfig.unlink(missing_ok=True)
        (self.folder / CONTEXT).unlink(missing_ok=True)
        return [] if context is None else [f"use of the context {context!r} (the cluster itself goes on)"]

    @property
    def _kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    def _context(self) -> str | None:
        path = self.folder / CONTEXT
        return path.read_text() if path.exists() else None

    def _warn_about_nodes(self, kubectl: Kubectl, domains: Sequence[str]) -> None:
        labels = {node["metadata"].get("labels", {}).get("domain") for node in kubectl.items("nodes")}
        if missing := sorted(set(domains) - labels):
            self._reporter.say(
                f"no node has the label domain={', domain='.join(missing)}: the pods placed there stay Pending"
            )
