"""A real control plane on the loopback address, with kwok for the life of nodes and pods."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock

from eco2_testcluster import components as parts
from eco2_testcluster.api import ApiClient
from eco2_testcluster.audit import Audit
from eco2_testcluster.binaries import resolve_binaries
from eco2_testcluster.certs import KeyPair
from eco2_testcluster.components import Options, build_components
from eco2_testcluster.errors import PortInUseError, StartError, StateError
from eco2_testcluster.kubeconfig import write_kubeconfig
from eco2_testcluster.layout import Layout
from eco2_testcluster.nodes import GENERAL, Node, create_nodes, unready_nodes
from eco2_testcluster.pki import ADMIN, CLIENTS, create_pki, user_certificate
from eco2_testcluster.ports import HOST, named_ports
from eco2_testcluster.processes import ProcessId, log_tail, spawn, stop_all, with_argument
from eco2_testcluster.state import FILE, ClusterState, Component, remove_state
from eco2_testcluster.waits import until

START_SECONDS = 120.0
"""How long a component may take until it is ready; a slow machine under load needs more than usual."""
ATTEMPTS = 5
"""How often the start is tried with other ports when somebody else took one."""


class EmbeddedCluster:
    """etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok, all in one folder.

    A context manager: entering starts the cluster, leaving stops it. When the owning process ends in any
    other way, kill -9 included, the components end with it.
    """

    def __init__(
        self,
        directory: Path,
        *,
        nodes: Sequence[Node] = (GENERAL,),
        audit: Audit | None = None,
        apiserver_flags: Sequence[str] = (),
        controllers: Sequence[str] = ("*",),
        node_port_range: str = "30000-32767",
        binaries: Mapping[str, Path] | None = None,
        detached: bool = False,
        owner: ProcessId | None = None,
        fingerprint: str = "",
    ) -> None:
        """`directory` is the cluster's own folder; what an earlier cluster left there is removed first.

        nodes: created before `start` returns, and Ready then.
        audit: write an audit log.
        apiserver_flags: `("--runtime-config=policy/v1=false",)`.
        controllers: the controller manager's `--controllers`.
        binaries: paths by name; found or built by `resolve_binaries` when None.
        detached: the cluster outlives this process; `EmbeddedCluster.attach(...).stop()` ends it.
        owner: the process at whose end the cluster ends; this one when None.
        fingerprint: kept in the state file, for whoever decides whether a running cluster can be reused.
        """
        self._layout = Layout(directory.absolute())
        self._nodes = tuple(nodes)
        self._options = Options(
            audit=audit,
            apiserver_flags=tuple(apiserver_flags),
            controllers=tuple(controllers),
            node_port_range=node_port_range,
        )
        self._binaries = binaries
        self._owner = None if detached else owner or ProcessId.current()
        self._fingerprint = fingerprint
        self._children: list[subprocess.Popen[bytes]] = []

    # -- life cycle ------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @classmethod
    def attach(cls, directory: Path) -> EmbeddedCluster:
        """The cluster that another process started in `directory`. Raises StateError when there is none."""
        cluster = cls(directory, detached=True)
        state = cluster.state()
        cluster._owner, cluster._fingerprint = state.owner, state.fingerprint
        return cluster

    def start(self, *, progress: Callable[[str], object] = lambda _: None) -> None:
        """Start everything and return when the API server, the controllers and the nodes are ready.

        `progress` is called with what is being waited for. Raises StartError, with the end of the log of the
        component that did not come up, and StateError when another living process has a cluster in this
        folder; whatever was started is stopped again.
        """
        self._clean_up()
        binaries = self._binaries or resolve_binaries()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._start(binaries, progress=progress)
            except PortInUseError:
                self.stop()
                if attempt == ATTEMPTS:
                    raise
            except BaseException:
                self.stop()
                raise
            else:
                self._disown()
                return

    def stop(self) -> list[str]:
        """Stop everything and return the names of what was running; nothing happens the second time."""
        state = ClusterState.load(self._layout.root)
        if state is None:
            return []
        # The data goes away with the cluster, so there is nothing that a slow, polite shutdown would save.
        stopped = stop_all(state.process_ids(), seconds=0)
        remove_state(self._layout.root)
        if state.guard:
            stop_all([state.guard], seconds=1)
        self._reap()
        shutil.rmtree(self._layout.data, ignore_errors=True)
        return [name for name, part in state.components.items() if part.process in stopped]

    def stop_strays(self) -> list[str]:
        """Stop components of this folder that no state file knows: it was deleted, or never written.

        Returns the names of the folder's components when there were any.
        """
        strays = with_argument(f"{self._layout.root}/", names=parts.ORDER)
        stopped = stop_all(strays, seconds=0)
        self._reap()
        return [*parts.ORDER] if stopped else []

    def healthy(self, *, seconds: float = 0) -> bool:
        """Whether every component runs and says, within `seconds`, that it is ready."""
        try:
            state = until(self._ended_or_ready, seconds=seconds, what="healthy")
        except TimeoutError:
            return False
        return state == "ready"

    def _ended_or_ready(self) -> str | None:
        state = ClusterState.load(self._layout.root)
        if state is None or not state.ready:
            return "ended"
        if not all(part.process and part.process.find() for part in state.components.values()):
            return "ended"
        ready = all(self._client_of(name).answers(part.health) for name, part in state.components.items())
        return "ready" if ready else None

    # -- where things are ------------------------------------------------------------------------------------

    @property
    def directory(self) -> Path:
        """The cluster's folder."""
        return self._layout.root

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig (group system:masters)."""
        return self._layout.kubeconfig

    @property
    def logs(self) -> Path:
        """The folder with a log file for each component."""
        return self._layout.logs

    @property
    def audit_log(self) -> Path:
        """The audit log, if one was asked for; see `eco2_testcluster.audit` for reading it."""
        chosen = self._options.audit.path if self._options.audit else None
        return chosen or self._layout.audit

    @property
    def apiserver_url(self) -> str:
        """Where the API server listens: https://127.0.0.1:<port>."""
        return f"https://{HOST}:{self.ports[parts.APISERVER]}"

    @property
    def ports(self) -> Mapping[str, int]:
        """The components' ports; they stay the same over a restart."""
        return self.state().ports

    @property
    def client(self) -> ApiClient:
        """A small HTTP client with the administrator's rights."""
        pki = self._layout.pki
        return ApiClient(self.apiserver_url, authority=pki / "ca.crt", pair=pki / "admin")

    def state(self) -> ClusterState:
        """What runs, from the state file. Raises StateError when nothing does."""
        state = ClusterState.load(self._layout.root)
        if state is None:
            raise StateError(f"{self._layout.root / FILE}: no cluster was started in this folder, or it was stopped")
        return state

    # -- faults ----------------------------------------------------------------------------------------------

    def stop_component(self, name: str, *, seconds: float = 10) -> None:
        """Stop one component (its name is the program's) and wait for its end; it is killed after `seconds`."""
        part = self._component(name)
        if part.process:
            stop_all([part.process], seconds=seconds)
            self._reap()
        self._update(lambda state: state.with_component(replace(part, process=None)))

    def start_component(self, name: str, *, wait: bool = True) -> None:
        """Start a stopped component with the same flags and port; returns when it is ready, if `wait`."""
        part = self._component(name)
        if part.process and part.process.find():
            return
        child, offset = self._spawn(part)
        if wait:
            self._wait_ready(name, child=child, offset=offset)

    def restart_component(self, name: str, *, seconds: float = 10) -> None:
        """Stop a component, start it again and wait until it is ready."""
        self.stop_component(name, seconds=seconds)
        self.start_component(name)

    def pause(self, name: str) -> None:
        """Freeze a component (SIGSTOP): its connections stay open and nothing answers."""
        self._running(name).suspend()

    def resume(self, name: str) -> None:
        """Let a paused component go on (SIGCONT)."""
        self._running(name).resume()

    def etcd_compact(self) -> int:
        """Compact etcd to its current revision, and return that.

        Watches and `continue` tokens from before get 410 Gone when the API server has to ask etcd, that is after
        `restart_component("kube-apiserver")`: until then it answers from its own cache.
        """
        client = self._client_of(parts.ETCD)
        url = f"https://{HOST}:{self.ports[parts.ETCD]}/v3"
        status: dict[str, Any] = client.request("POST", f"{url}/maintenance/status", {})
        revision = int(status["header"]["revision"])
        client.request("POST", f"{url}/kv/compaction", {"revision": revision, "physical": True})
        return revision

    # -- users and nodes -------------------------------------------------------------------------------------

    def user_kubeconfig(self, user: str, *, groups: Iterable[str] = ()) -> Path:
        """A kubeconfig for another user, who may do what RBAC allows and nothing else."""
        pair = user_certificate(self._layout.pki, user, groups=tuple(groups))
        return self._kubeconfig(self._layout.kubeconfigs / f"user-{user.replace(':', '-')}", user=user, pair=pair)

    def add_nodes(self, nodes: Iterable[Node], *, seconds: float = START_SECONDS) -> None:
        """Create nodes and wait until they are Ready. Raises StartError after `seconds`."""
        wanted = list(nodes)
        create_nodes(self.client, wanted)
        names = [node.name for node in wanted]
        try:
            until(lambda: not unready_nodes(self.client, names), seconds=seconds, what="nodes Ready")
        except TimeoutError:
            left = ", ".join(unready_nodes(self.client, names))
            raise StartError(f"nodes not Ready after {seconds:g} s: {left}; see {self._layout.log('kwok')}") from None

    # -- inside ----------------------------------------------------------------------------------------------

    def _clean_up(self) -> None:
        """Remove what an earlier cluster left in the folder, its processes included."""
        state = ClusterState.load(self._layout.root)
        if state and state.owner and state.owner != ProcessId.current() and state.owner.find():
            raise StateError(
                f"{self._layout.root}: process {state.owner.pid} has a cluster in this folder; choose another"
            )
        self.stop()
        self.stop_strays()
        for folder in (self._layout.pki, self._layout.data, self._layout.kubeconfigs, self._layout.logs):
            shutil.rmtree(folder, ignore_errors=True)

    def _start(self, binaries: Mapping[str, Path], *, progress: Callable[[str], object]) -> None:
        ports = named_ports(parts.PORTS)
        self._layout.create()
        create_pki(self._layout.pki, service_address=parts.SERVICE_ADDRESS)
        components = build_components(self._layout, binaries=binaries, ports=ports, options=self._options)
        # All of them, not running yet: from here on the folder is known to hold a half-started cluster.
        state = ClusterState(ports=ports, fingerprint=self._fingerprint, owner=self._owner, components=components)
        state.save(self._layout.root)
        self._start_guard()
        self._write_kubeconfigs()

        progress("etcd and kube-apiserver")
        for name in (parts.ETCD, parts.APISERVER):
            self.start_component(name)
        progress("kube-controller-manager, kube-scheduler and kwok")
        children = {name: self._spawn(components[name]) for name in parts.ORDER[2:]}
        create_nodes(self.client, self._nodes)
        for name, (child, offset) in children.items():
            self._wait_ready(name, child=child, offset=offset)
        progress("the default ServiceAccount and the nodes")
        self._wait_usable()
        self._update(lambda state: replace(state, ready=True))

    def _start_guard(self) -> None:
        if self._owner is None:
            return
        argv = [
            sys.executable,
            "-m",
            "eco2_testcluster.guard",
            str(self._owner.pid),
            str(self._owner.started),
        ]
        guard = spawn([*argv, self._layout.root / FILE], log=self._layout.log("guard"))
        self._children.append(guard)
        identity = ProcessId.of(guard.pid)
        self._update(lambda state: replace(state, guard=identity))

    def _write_kubeconfigs(self) -> None:
        for name, (user, _) in CLIENTS.items():
            path = self._layout.kubeconfig if user == ADMIN else self._layout.kubeconfigs / name
            self._kubeconfig(path, user=user, pair=KeyPair.load(self._layout.pki, name))

    def _kubeconfig(self, path: Path, *, user: str, pair: KeyPair) -> Path:
        authority = (self._layout.pki / "ca.crt").read_bytes()
        return write_kubeconfig(path, server=self.apiserver_url, authority=authority, user=user, pair=pair)

    def _wait_usable(self) -> None:
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        try:
            until(lambda: self.client.get(account), seconds=START_SECONDS, what=account)
        except TimeoutError as error:
            log = self._layout.log(parts.CONTROLLER_MANAGER)
            raise StartError(f"{error}; end of {log}:\n{log_tail(log)}") from None
        self.add_nodes(self._nodes)

    def _spawn(self, part: Component) -> tuple[subprocess.Popen[bytes], int]:
        """Start a component and write down that it runs; returns it and where its log begins."""
        log = self._layout.log(part.name)
        offset = log.stat().st_size if log.exists() else 0
        child = spawn(part.argv, log=log, cwd=self._layout.root)
        self._children.append(child)
        with contextlib.suppress(ProcessLookupError):
            identity = ProcessId.of(child.pid)
            self._update(lambda state: state.with_component(replace(part, process=identity)))
        return child, offset

    def _wait_ready(self, name: str, *, child: subprocess.Popen[bytes], offset: int) -> None:
        part = self._component(name)
        client = self._client_of(name)
        log = self._layout.log(name)
        deadline = time.monotonic() + START_SECONDS

        def ready_or_ended() -> bool:
            return child.poll() is not None or client.answers(part.health)

        try:
            until(ready_or_ended, seconds=START_SECONDS, what=name, pause=0.05)
        except TimeoutError:
            waited = START_SECONDS + time.monotonic() - deadline
            raise StartError(f"{name} is not ready after {waited:.0f} s; end of {log}:\n{log_tail(log)}") from None
        if child.poll() is None:
            return
        with log.open("rb") as file:
            file.seek(offset)
            written = file.read().decode(errors="replace")
        kind = PortInUseError if "address already in use" in written else StartError
        raise kind(f"{name} exited with code {child.returncode}; end of {log}:\n{log_tail(log)}")

    def _client_of(self, name: str) -> ApiClient:
        """A client that may read the component's health."""
        pki = self._layout.pki
        if name == parts.ETCD:
            return ApiClient("", authority=pki / "etcd-ca.crt", pair=pki / "etcd-client")
        return ApiClient("", authority=pki / "ca.crt", pair=pki / "admin")

    def _component(self, name: str) -> Component:
        components = self.state().components
        if name not in components:
            raise StateError(f"{self._layout.root}: no component {name!r}; there are {', '.join(components)}")
        return components[name]

    def _running(self, name: str) -> Any:
        process = self._component(name).process
        found = process.find() if process else None
        if found is None:
            raise StateError(f"{self._layout.root}: {name} does not run; see {self._layout.log(name)}")
        return found

    def _update(self, change: Callable[[ClusterState], ClusterState]) -> None:
        # Several test processes may share the cluster.
        with FileLock(self._layout.root / ".lock"):
            change(self.state()).save(self._layout.root)

    def _disown(self) -> None:
        """When the cluster belongs to another process, or to none, this one does not ask how its parts end."""
        if self._owner != ProcessId.current():
            for child in self._children:
                child.returncode = 0
            self._children = []

    def _reap(self) -> None:
        """Forget the children that have ended."""
        self._children = [child for child in self._children if child.poll() is None]
