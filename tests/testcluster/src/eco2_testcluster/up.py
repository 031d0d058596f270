"""`make up` and `make down`."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from eco2_testcluster.errors import ClusterError, CommandError
from eco2_testcluster.examples import Examples, load_examples
from eco2_testcluster.installations import Installation
from eco2_testcluster.installations.definitions import read_definitions
from eco2_testcluster.kubectl import Kubectl
from eco2_testcluster.progress import Reporter
from eco2_testcluster.providers import Provider, Running
from eco2_testcluster.settling import unsettled
from eco2_testcluster.waits import until

SETTLING = ("ecodomains.eco2.growbin.app", "ecoingresses.eco2.growbin.app")
"""What is waited for, if it is defined."""
APPLIED = "applied.json"


@dataclass(frozen=True)
class Plan:
    """What `up` puts into the cluster, and what it waits for."""

    crds: Path
    examples: Path
    status: Sequence[str]
    """The command line that prints the table of the domains."""
    settle_seconds: float = 120.0


class Up:
    """Brings a provider's cluster to the state of the plan, and back."""

    def __init__(
        self,
        provider: Provider,
        installation: Installation,
        plan: Plan,
        *,
        reporter: Reporter,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._provider = provider
        self._installation = installation
        self._plan = plan
        self._reporter = reporter
        self._environ = os.environ if environ is None else environ

    def up(self) -> Running:
        """Start what does not run, apply everything, and wait until every EcoDomain has settled.

        Interrupted, it stops what it has started itself. After an error it leaves that running, to be looked at.
        Raises ClusterError.
        """
        examples = load_examples(self._plan.examples)
        with self._locked():
            started: list[str] = []
            try:
                return self._up(examples, started)
            except (KeyboardInterrupt, SystemExit):
                self._undo(started)
                raise

    def down(self) -> list[str]:
        """Stop what `up` started, and return what that was."""
        with self._locked():
            running = self._provider.find()
            if running and running.shared:
                self._take_back(running.kubectl)
            stopped = [*self._installation.uninstall(), *self._provider.stop()]
            (self._provider.folder / APPLIED).unlink(missing_ok=True)
            return stopped

    def finish(self, running: Running) -> list[str]:
        """See that the whole answers; lines for people that say how to use it. Raises ClusterError."""
        return self._installation.finish(running, load_examples(self._plan.examples))

    def print_table(self, running: Running) -> None:
        """Let the product itself print the domains and their state, on standard output."""
        command = [*self._plan.status]
        try:
            result = subprocess.run(command, env={**self._environ, "KUBECONFIG": str(running.kubeconfig)}, check=False)
        except OSError as error:
            raise CommandError(f"{' '.join(command)}: {error}") from None
        # 1 means that something is not Ready, which is part of the examples.
        if result.returncode not in (0, 1):
            raise CommandError(f"{' '.join(command)}: exit code {result.returncode}")

    def _up(self, examples: Examples, started: list[str]) -> Running:
        with self._reporter.step(f"cluster: {self._provider.description}") as progress:
            running = self._provider.start(domains=examples.nodes, progress=progress)
        if running.reused:
            self._reporter.say("  it ran before and is used again")
        else:
            started.append("cluster")
        kubectl = running.kubectl
        if self._installation.install(running, examples):
            started.append("operator")
        examples = self._installation.adapted(examples)
        with self._reporter.step(f"examples from {self._plan.examples}"):
            if running.shared:
                self._remember_new(kubectl, examples)
            kubectl.apply(examples.namespaces)
            kubectl.apply(examples.working)
        with self._reporter.step("every EcoDomain and EcoIngress has a settled status", expected=15) as progress:
            self._settle(kubectl, progress)
        if examples.broken:
            with self._reporter.step("the examples that fail have a settled status too") as progress:
                kubectl.apply(examples.broken)
                self._settle(kubectl, progress)
        return running

    def _settle(self, kubectl: Kubectl, progress: Any) -> None:
        left = ["all of them"]
        defined = {crd["metadata"]["name"] for crd in read_definitions(self._plan.crds)}
        kinds = [kind for kind in SETTLING if kind in defined]

        def settled() -> bool:
            nonlocal left
            self._installation.check()
            resources = kubectl.items(",".join(kinds))
            left = unsettled(resources)
            progress(f"{len(resources) - len(left)} of {len(resources)}, waiting for {', '.join(left[:3])}")
            return not left

        try:
            until(settled, seconds=self._plan.settle_seconds, what="settled", pause=1.0)
        except TimeoutError:
            raise ClusterError(
                f"not settled after {self._plan.settle_seconds:g} s: {', '.join(left)}; see "
                f"{self._installation.whereabouts}. Everything is left running; `make down` stops it"
            ) from None

    def _undo(self, started: Iterable[str]) -> None:
        started = set(started)
        if "operator" in started and self._installation.uninstall():
            self._reporter.say("interrupted: stopped the operator")
        if "cluster" in started:
            self._provider.stop()
            self._reporter.say("interrupted: stopped the cluster")

    def _remember_new(self, kubectl: Kubectl, examples: Examples) -> None:
        """Write down which examples were not there before, so that `down` removes these and no others."""
        path = self._provider.folder / APPLIED
        if not path.exists():
            objects = (*examples.working, *examples.broken)
            new = [_reference(obj) for obj in objects if not kubectl.exists(obj)]
            path.write_text(json.dumps(new, indent=2) + "\n")

    def _take_back(self, kubectl: Kubectl) -> None:
        """Delete the custom resources that `up` created, while the operator can still remove their children."""
        path = self._provider.folder / APPLIED
        if not path.exists():
            return
        objects = json.loads(path.read_text())
        with self._reporter.step(f"deleting the {len(objects)} resources that `make up` created"):
            document = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
            kubectl.run("delete", "--ignore-not-found", "--wait=true", "--timeout=60s", "-f", "-", stdin=document)
        self._reporter.say(
            "left in the cluster, because others may use them: the namespaces of the examples and the custom "
            f"resource definitions; if nobody does: kubectl delete -f {self._plan.crds}, and the namespaces"
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._provider.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(self._provider.folder / ".up.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise ClusterError(
                f"another `make up` or `make down` works on {self._provider.folder} at the moment; wait for it"
            ) from None
        try:
            yield
        finally:
            lock.release()


def _reference(obj: Mapping[str, Any]) -> dict[str, Any]:
    meta = {key: obj["metadata"][key] for key in ("name", "namespace") if key in obj["metadata"]}
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": meta}
