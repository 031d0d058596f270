"""A real RabbitMQ on ports of its own, and what a test may have go wrong with it.

``rabbitmq-server`` of the system when it is there. Else Debian's packages, fetched with ``apt-get download`` and
unpacked into the user's cache: nothing is installed, and no service is started.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import amqp
import psutil
from filelock import FileLock

from eco2_testcluster.binaries import cache_dir
from support.redis import free_port
from support.waits import eventually

USER = PASSWORD = "eco2"  # noqa: S105 - on the loopback alone
PACKAGES = (
    "rabbitmq-server",
    *(
        f"erlang-{name}"
        for name in (
            *("asn1", "base", "crypto", "eldap", "inets", "mnesia", "os-mon", "parsetools", "public-key"),
            *("runtime-tools", "ssl", "syntax-tools", "tools", "xmerl"),
        )
    ),
)
"""The server and the parts of Erlang that it depends on. The C libraries are on every Debian."""
NODE = "eco2@localhost"
ERLANG = "/usr/lib/erlang"
GUARD = """
trap '' INT TERM HUP
read -r _
for file in "$1"/*.pid; do
  pid=$(cat "$file" 2>/dev/null)
  [ -r "/proc/$pid/environ" ] || continue
  tr '\\0' '\\n' <"/proc/$pid/environ" | grep -qxF "ECO2_RABBITMQ=$1" && kill -KILL "$pid"
done
rm -rf "$1"
"""
"""Outlives the tests and notices their end by that of its input, as PostgreSQL's does (support/postgres.py)."""
NOT_YET = (OSError, amqp.AMQPError)
"""What a client hears from a server that starts, or is not there."""


def programs() -> tuple[Path, Path | None]:
    """The program ``rabbitmq-server``, and where its Erlang is unless that is the system's.

    Raises AssertionError when there is none, with what to do.
    """
    plain = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # Debian's on the PATH changes the user first
    if found := (str(plain) if plain.exists() else shutil.which("rabbitmq-server")):
        return Path(found), None
    assert shutil.which("apt-get"), "no rabbitmq-server and no apt-get: install RabbitMQ 3.10 or newer on the PATH"
    root = _unpacked()
    [server] = root.glob("usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server")
    return server, Path(f"{root}{ERLANG}")


def _unpacked() -> Path:
    """The folder with Debian's packages, as new as apt knows them."""
    told = _run("apt-get", "download", "--print-uris", *PACKAGES)
    names = sorted(line.split()[1] for line in told.splitlines() if line.startswith("'"))
    version = next(name for name in names if name.startswith("rabbitmq-server_")).split("_")[1]
    key = hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]
    root = cache_dir(os.environ) / "rabbitmq" / f"{version}-{key}"
    root.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{root}.lock"):
        if not root.exists():
            with tempfile.TemporaryDirectory(dir=root.parent) as folder:
                _run("apt-get", "download", *PACKAGES, cwd=folder)
                for package in Path(folder).glob("*.deb"):
                    _run("dpkg", "-x", str(package), f"{folder}/root")
                unpacked = Path(folder, "root")
                for script in unpacked.glob("usr/lib/erlang/**/bin/erl"):  # Debian's knows one place only
                    script.write_text(script.read_text().replace(f"ROOTDIR={ERLANG}", f"ROOTDIR={root}{ERLANG}"))
                unpacked.rename(root)
    return root


def _run(*command: str, cwd: str | None = None) -> str:
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, (
        f"{' '.join(command[:3])}: {ended.stderr.strip()}\n"
        "Tests need RabbitMQ: run `apt-get update` so that its packages can be fetched, or install rabbitmq-server"
    )
    return ended.stdout


class RabbitMQ:
    """One broker with its folder, and the port mapper of Erlang that it needs. Quorum queues are on the disk."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        server, erlang = programs()
        self._server = server
        path = os.environ["PATH"]
        self._environ = {
            "PATH": path if erlang is None else f"{erlang / 'bin'}:{path}",
            "HOME": str(folder),  # of the Erlang cookie
            "LANG": "C.UTF-8",
            "ECO2_RABBITMQ": str(folder),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(free_port()),
            "RABBITMQ_ALLOW_INPUT": "1",  # so that the process is the server's, and not a shell's around it
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_NODENAME": NODE,
            "RABBITMQ_PID_FILE": str(folder / "rabbitmq.pid"),
            # One scheduler that does not spin: tests have few messages and share their cores.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -noinput"
                " -kernel inet_dist_use_interface {127,0,0,1} -start_epmd false"
            ),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._mapper: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is, with its password."""
        return f"amqp://{USER}:{PASSWORD}@127.0.0.1:{self.port}//"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running process."""
        assert self._process is not None
        return self._process

    def start(self) -> None:
        """Start it with what its folder holds, and wait until it answers."""
        configuration = {
            "listeners.tcp.1": f"127.0.0.1:{self.port}",
            "default_user": USER,
            "default_pass": PASSWORD,
            "disk_free_limit.absolute": "1MB",
            "log.console": "false",
        }
        lines = [f"{name} = {value}\n" for name, value in configuration.items()]
        (self.folder / "rabbitmq.conf").write_text("".join(lines))
        (self.folder / "enabled_plugins").write_text("[].\n")
        if self._mapper is None:
            self._mapper = self._spawn("epmd")
        self._process = self._spawn(str(self._server))
        eventually(self._answers)

    def _spawn(self, program: str) -> subprocess.Popen[bytes]:
        found = shutil.which(program, path=self._environ["PATH"])
        assert found is not None, f"there is no {program}"
        with (self.folder / "output").open("ab") as output:
            process = subprocess.Popen(
                [found],
                cwd=self.folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a Ctrl-C is for the tests
            )
        (self.folder / f"{Path(program).name}.pid").write_text(str(process.pid))
        return process

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self.folder / "output").read_text()[-4000:]
        try:
            with self.channel():
                return True
        except NOT_YET:
            return False

    @contextmanager
    def channel(self) -> Iterator[amqp.Channel]:
        """A channel, closed with the block."""
        with amqp.Connection(
            f"127.0.0.1:{self.port}", userid=USER, password=PASSWORD, connect_timeout=5, read_timeout=10
        ) as connection:
            yield connection.channel()

    def depth(self, queue: str) -> int:
        """How many messages wait in a queue; those that a worker has and did not acknowledge do not wait."""
        return self._look(queue)[0]

    def consumers(self, queue: str) -> int:
        """How many workers take from a queue."""
        return self._look(queue)[1]

    def _look(self, queue: str) -> tuple[int, int]:
        with self.channel() as channel:
            try:
                found: Any = channel.queue_declare(queue, passive=True)
            except amqp.NotFound:
                return 0, 0
            return found.message_count, found.consumer_count

    def stop(self) -> None:
        """Let it end in order."""
        if self._process is not None:
            self._signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def kill(self) -> None:
        """End it at once, as a machine that loses its power.

        What was confirmed stays. So do queues: 3.10 has the name of a quorum queue on the disk half a second after it
        was declared, and killed before that it comes back with one that answers nobody. That is waited for.
        """
        eventually(self._knows_its_queues)
        helpers = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        self.process.wait(30)
        psutil.wait_procs(helpers, 30)  # they end with it
        self._process = None

    def _knows_its_queues(self) -> bool:
        """Whether the folder of every quorum queue is in the list that it reads when it starts."""
        raft = self.folder / "data" / NODE / "quorum" / NODE
        names = (raft / "names.dets").read_bytes()
        return all(folder.name.encode() in names for folder in raft.iterdir() if folder.is_dir())

    def restart(self) -> None:
        """Kill it and start it again, with its data, on the same port."""
        self.kill()
        self.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Have it say nothing at all; its connections stay."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    def end(self) -> None:
        """End it and its port mapper; it is not started again."""
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self.kill()
        finally:
            if self._mapper is not None:
                self._mapper.kill()
                self._mapper.wait(30)
                self._mapper = None


@contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    """See that the server and its folder go, whatever becomes of this process."""
    guard = subprocess.Popen(["sh", "-c", GUARD, "guard", str(folder)], stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield
    finally:
        guard.communicate()


@contextmanager
def running() -> Iterator[RabbitMQ]:
    """Start one; it ends with the block, and also when this process is killed."""
    folder = Path(tempfile.mkdtemp(prefix="eco2-rabbitmq-"))
    with _guarded(folder):
        broker = RabbitMQ(folder)
        try:
            broker.start()
            yield broker
        finally:
            broker.end()
            shutil.rmtree(folder, ignore_errors=True)
