"""A kind cluster: real pods, in containers of a Docker engine."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from eco2_testcluster.binaries import resolve_binaries
from eco2_testcluster.errors import CommandError, ProviderError
from eco2_testcluster.progress import Reporter
from eco2_testcluster.providers import Running
from eco2_testcluster.providers.commands import run_command

NAME = "eco2"
CREATED = "created"
ENGINES = ("docker", "podman", "nerdctl")


class KindProvider:
    """`kind create cluster`, with a worker for each domain node. The operator runs beside it, as a process."""

    description = "a kind cluster (minutes when its node image has to be pulled)"

    def __init__(
        self,
        folder: Path,
        *,
        reporter: Reporter,
        environ: Mapping[str, str] | None = None,
        name: str = NAME,
    ) -> None:
        self.folder = folder
        self._reporter = reporter
        self._environ = os.environ if environ is None else environ
        self._name = name

    def start(self, *, domains: Sequence[str], progress: Callable[[str], object]) -> Running:
        """Create the cluster, unless `start` did so before and it answers.

        Raises ProviderError when there is no container engine, or a cluster of the name that is not ours.
        """
        self._check_engine()
        if running := self.find():
            return running
        kind = self._kind()
        if self._name in run_command(kind, "get", "clusters", env=self._environ).split():
            if not self._created:
                raise ProviderError(
                    f"there is a kind cluster {self._name!r} that `make up` did not create: use it with "
                    f"CLUSTER=existing, or remove it with `kind delete cluster --name {self._name}`"
                )
            self._reporter.say(f"the kind cluster {self._name!r} of an earlier run does not answer; making it anew")
            self.stop()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / CREATED).write_text(self._name)
        command = ["create", "cluster", "--name", self._name, "--kubeconfig", str(self._kubeconfig)]
        if image := self._environ.get("KIND_NODE_IMAGE"):
            command += ["--image", image]
        config = json.dumps(cluster_config(domains))
        try:
            run_command(kind, *command, "--config", "-", "--wait", "120s", env=self._environ, stdin=config)
        except BaseException:
            self.stop()
            raise
        return Running(self._kubeconfig.absolute(), reused=False)

    def find(self) -> Running | None:
        """The cluster if `start` created it and it answers."""
        running = Running(self._kubeconfig.absolute(), reused=True)
        if not self._created or not self._kubeconfig.exists():
            return None
        try:
            running.kubectl.run("get", "--raw", "/readyz", seconds=10)
        except CommandError:
            return None
        return running

    def stop(self) -> list[str]:
        """Delete the cluster if `start` created it."""
        if not self._created:
            return []
        command = ["delete", "cluster", "--name", self._name, "--kubeconfig", str(self._kubeconfig)]
        run_command(self._kind(), *command, env=self._environ)
        (self.folder / CREATED).unlink()
        self._kubeconfig.unlink(missing_ok=True)
        return [f"kind cluster {self._name}"]

    @property
    def _kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def _created(self) -> bool:
        return (self.folder / CREATED).exists()

    def _kind(self) -> Path:
        found = shutil.which("kind", path=self._environ.get("PATH"))
        if found:
            return Path(found)
        return resolve_binaries(["kind"], reporter=self._reporter, environ=self._environ)["kind"]

    def _check_engine(self) -> None:
        engine = self._environ.get("KIND_EXPERIMENTAL_PROVIDER", "docker")
        if engine not in ENGINES:
            raise ProviderError(f"KIND_EXPERIMENTAL_PROVIDER={engine}: kind knows {', '.join(ENGINES)}")
        try:
            run_command(engine, "info", env=self._environ, seconds=30)
        except CommandError as error:
            raise ProviderError(
                f"CLUSTER=kind needs a container engine, and {engine} does not answer:\n{error}\n"
                "Start it (for Docker: `sudo systemctl start docker`, or Docker Desktop; DOCKER_HOST may name "
                "another one), or use the embedded cluster, which needs none: make up CLUSTER=embedded"
            ) from None


def cluster_config(domains: Sequence[str]) -> dict[str, Any]:
    """kind's configuration: a control plane, a worker without a taint, and a worker for each domain node."""
    return {
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "kind": "Cluster",
        "nodes": [{"role": "control-plane"}, {"role": "worker"}, *(_worker(domain) for domain in domains)],
    }


def _worker(domain: str) -> dict[str, Any]:
    registration = {"taints": [{"key": "domain", "value": domain, "effect": "NoSchedule"}]}
    patch = {"kind": "JoinConfiguration", "nodeRegistration": registration}
    return {"role": "worker", "labels": {"domain": domain}, "kubeadmConfigPatches": [json.dumps(patch)]}
