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
NODES = "KIND_NODES"
"""Environment variable: `shared`, two workers for all; or `domains`, a labelled and tainted worker for each."""
PORTS = {"KIND_HTTP_PORT": (80, 30080), "KIND_HTTPS_PORT": (443, 30443), "KIND_NODE_PORT": (31667, 31667)}
"""Environment variables with ports of this machine: the default, and the node port it leads to. The last one is a
domain's, to see that nobody gets an answer there."""


class KindProvider:
    """`kind create cluster`, with ports of this machine that lead to the gateway."""

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
        config = json.dumps(cluster_config(domains if self.has_domain_nodes else None, self.ports))
        try:
            run_command(kind, *command, "--config", "-", "--wait", "120s", env=self._environ, stdin=config)
        except CommandError as error:
            self.stop()
            raise CommandError(f"{error}{_advice(str(error))}") from None
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
    def has_domain_nodes(self) -> bool:
        """Whether each domain has a node of its own. Raises ProviderError for a choice that is none."""
        choice = self._environ.get(NODES) or "shared"
        if choice not in ("shared", "domains"):
            raise ProviderError(f"{NODES}={choice}: it is `shared` (two workers for all) or `domains` (one for each)")
        return choice == "domains"

    @property
    def ports(self) -> dict[int, int]:
        """Ports of this machine by the node port they lead to. Raises ProviderError for one that is none."""
        return {node_port: self._port(name, default) for name, (default, node_port) in PORTS.items()}

    def load_images(self, references: Sequence[str]) -> None:
        """Copy images of the engine to the nodes that do not have them. Raises CommandError."""
        run_command(self._kind(), "load", "docker-image", "--name", self._name, *references, env=self._environ)

    def _port(self, name: str, default: int) -> int:
        text = self._environ.get(name) or str(default)
        if not text.isdecimal() or not 0 < int(text) < 65536:
            raise ProviderError(f"{name}={text}: a port is a number from 1 to 65535")
        return int(text)

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


def _advice(said: str) -> str:
    """What to do about a failure that has a usual cause."""
    if "port is already allocated" in said or "address already in use" in said:
        return f"\nsomebody has a port that is to lead to the gateway: choose another with {', '.join(PORTS)}"
    if "Ensuring node image" in said and "✗" in said and "pull" in said:
        return "\nthe node image cannot be pulled: name one that is here with KIND_NODE_IMAGE"
    return ""


def cluster_config(domains: Sequence[str] | None, ports: Mapping[int, int]) -> dict[str, Any]:
    """kind's configuration: a control plane, which takes what comes from this machine, and workers.

    Args:
        domains: names of nodes; each gets a worker with its label and taint, beside one for all others. None: two
            workers for everything.
        ports: ports of this machine by node port.
    """
    mappings = [
        {"containerPort": node_port, "hostPort": port, "listenAddress": "127.0.0.1", "protocol": "TCP"}
        for node_port, port in ports.items()
    ]
    workers = [{"role": "worker"}] * 2 if domains is None else [{"role": "worker"}, *map(_worker, domains)]
    return {
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "kind": "Cluster",
        "nodes": [{"role": "control-plane", "extraPortMappings": mappings}, *workers],
    }


def _worker(domain: str) -> dict[str, Any]:
    registration = {"taints": [{"key": "domain", "value": domain, "effect": "NoSchedule"}]}
    patch = {"kind": "JoinConfiguration", "nodeRegistration": registration}
    return {"role": "worker", "labels": {"domain": domain}, "kubeadmConfigPatches": [json.dumps(patch)]}
