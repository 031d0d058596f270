"""The operator as a process of its own, as it runs in a cluster: few variables, few permissions, its log kept."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock
from prometheus_client.parser import text_string_to_metric_families

from eco2_testcluster.embedded import EmbeddedCluster
from eco2_testcluster.processes import ProcessId, stop_all
from eco2_testcluster.state import ClusterState, Component
from support.audit import AuditTrail
from support.cluster import OPERATORS
from support.waits import eventually

STOP_SECONDS = 25.0
"""Below the 30 s after which a kubelet kills a pod."""
SETTINGS = {
    "ECO2_HTTP_ADDRESS": "127.0.0.1:0",
    # A fault that somebody has mended is noticed soon.
    "ECO2_BACKOFF_MAX_SECONDS": "2",
}


@dataclass
class Operator:
    """One operator, that may be started several times.

    Args:
        user: its name at the API server, by which the audit log knows it.
        settings: further variables.
        groups: what it is allowed to do.
    """

    cluster: EmbeddedCluster
    user: str = "eco2-operator"
    settings: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = (OPERATORS,)
    process: ProcessId | None = None
    child: subprocess.Popen[bytes] | None = None
    beginning: int = 0
    """Where in the log the latest start begins."""

    @property
    def log(self) -> Path:
        """Its standard error."""
        return self.cluster.logs / f"{self.user}.log"

    # -- life cycle ------------------------------------------------------------------------------------------

    def start(self, *, wait: bool = True) -> None:
        """Start it; returns when it is ready, if `wait`."""
        kubeconfig = self.cluster.user_kubeconfig(self.user, groups=self.groups)
        self.spawn({"KUBECONFIG": str(kubeconfig), **SETTINGS, **self.settings})
        if not wait:
            return
        try:
            eventually(self.is_ready)
        except BaseException:
            self.stop()
            raise

    def spawn(self, environ: Mapping[str, str]) -> None:
        """Start it with these variables and the few every process needs."""
        coverage = {name: value for name, value in os.environ.items() if name.startswith(("COVERAGE_", "COV_"))}
        base = {"PATH": os.defpath, "HOME": str(self.cluster.directory), "LANG": "C.UTF-8"}
        self.beginning = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "eco2_operator", "run"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**base, **coverage, **environ},
                cwd=self.cluster.directory,
                start_new_session=True,
            )
        self.process = ProcessId.of(self.child.pid)
        self._register(self.process)

    def stop(self) -> int:
        """Ask it to end and wait; its exit code (0 when another process had started it)."""
        if self.process is None:
            return 0
        if self.child is None:
            stop_all([self.process], seconds=STOP_SECONDS)
            code = 0
        else:
            self.child.send_signal(signal.SIGCONT)
            self.child.send_signal(signal.SIGTERM)
            try:
                code = self.child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.child.kill()
                code = self.child.wait()
        self.process = self.child = None
        self._register(None)
        return code

    def disown(self) -> None:
        """Leave it to whichever process of the test run stops it."""
        if self.child is not None:
            self.child.returncode = 0  # nobody here will ask how it ended
            self.child = None

    def kill(self) -> None:
        """End it as a crash of its node would."""
        assert self.child is not None
        self.child.kill()
        self.child.wait()
        self.process = self.child = None
        self._register(None)

    def freeze(self) -> None:
        """Stop its clock: it sees and does nothing until `thaw`."""
        assert self.child is not None
        self.child.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self.child is not None
        self.child.send_signal(signal.SIGCONT)

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.find() is not None

    # -- what it says ----------------------------------------------------------------------------------------

    def text(self) -> str:
        """Its log since the latest start."""
        with self.log.open("rb") as file:
            file.seek(self.beginning)
            return file.read().decode()

    def lines(self) -> list[dict[str, Any]]:
        """Its log since the latest start; AssertionError when a line is not JSON."""
        found = []
        for line in self.text().splitlines():
            assert line.startswith("{"), f"not a JSON line in the operator's log: {line}"
            found.append(json.loads(line))
        return found

    @property
    def address(self) -> str:
        """Where the latest start serves HTTP."""
        addresses = [line["address"] for line in self.lines() if "address" in line]
        assert addresses, "it has not said where it serves"
        return str(addresses[-1])

    def http(self, path: str) -> tuple[int, str]:
        """Status and body of a page; status 0 without an answer."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://{self.address}{path}", timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except (OSError, AssertionError):
            return 0, ""

    def is_ready(self) -> bool:
        """Whether /readyz says so; AssertionError when the process has ended."""
        if not self.is_alive():
            raise RuntimeError(f"the operator ended; its log: {self.text()[-4000:]}")
        return self.http("/readyz")[0] == 200

    def metrics(self) -> "Samples":
        """Every sample of /metrics."""
        status, text = self.http("/metrics")
        assert status == 200, "no metrics"
        return Samples(text)

    def audit(self) -> AuditTrail:
        """Its requests from now on."""
        return AuditTrail(self.cluster.audit_log, user=self.user)

    def _register(self, process: ProcessId | None) -> None:
        """Make it a part of the cluster, whose guard ends it when the test run is killed."""
        with FileLock(self.cluster.directory / ".lock"):
            state = ClusterState.load(self.cluster.directory)
            if state is None:
                return
            if process is None:
                state.without_component(self.user).save(self.cluster.directory)
            else:
                part = Component(name=self.user, argv=(), health="", process=process)
                state.with_component(part).save(self.cluster.directory)


class Samples:
    """Metrics at one moment."""

    def __init__(self, text: str) -> None:
        self._samples = [
            (sample.name, dict(sample.labels), float(sample.value))
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        ]

    def names(self) -> set[str]:
        """Every sample's name."""
        return {name for name, _, _ in self._samples}

    def total(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name that have these labels."""
        return sum(value for _, value in self._matching(name, labels))

    def _matching(self, name: str, labels: Mapping[str, str]) -> Iterator[tuple[str, float]]:
        for found, own, value in self._samples:
            if found == name and all(own.get(key) == wanted for key, wanted in labels.items()):
                yield found, value
