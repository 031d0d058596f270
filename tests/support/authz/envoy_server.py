"""eco2-authz as a process, as an operator of it would start it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final

from support.waits import eventually

from eco2_testcluster.ports import HOST, free_ports

_STOP_SECONDS: Final = 20.0


class Server:
    """One eco2-authz: its workers listen on sockets in a folder, its administration on a port.

    Args:
        folder: for sockets and log; its path has to be short, a socket's may have 108 bytes.
        settings: environment variables besides the addresses.
        workers: how many processes.
        address: ``host:port`` instead of the socket; then for one worker.
    """

    def __init__(self, folder: Path, *, settings: Mapping[str, str], workers: int = 1, address: str = "") -> None:
        self.log = folder / "authz.log"
        self._address = address or f"unix:{folder / 'grpc.sock'}"
        self._workers = workers
        (port,) = free_ports(1)
        self._admin = f"{HOST}:{port}"
        self._environ = {
            "PATH": os.defpath,
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),  # where it may be compiled
            "AUTHZ_GRPC_ADDR": self._address,
            "AUTHZ_HTTP_ADDR": self._admin,
            "AUTHZ_WORKERS": str(workers),
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoints(self) -> list[str]:
        """Where its workers listen."""
        if self._workers == 1:
            return [self._address]
        return [f"{self._address}.{index}" for index in range(self._workers)]

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running process."""
        assert self._process is not None
        return self._process

    @property
    def runs(self) -> bool:
        """Whether it was started and not ended."""
        return self._process is not None

    def start(self, *, ready: bool = True) -> None:
        """Start it; returns when it answers checks.

        Args:
            ready: wait also until it says that it is ready.
        """
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "eco2_authz"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environ,
            )
        eventually(self._is_ready if ready else self._is_alive)

    def kill(self) -> None:
        """End it at once, without a word."""
        self.process.kill()
        self.process.wait()
        self._process = None

    def terminate(self) -> None:
        """Ask it to end; it may take its time."""
        self.process.send_signal(signal.SIGTERM)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Have it say nothing at all; its connections stay. For one worker."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def wait(self) -> int:
        """Wait until it has ended; its exit code."""
        code = self.process.wait(_STOP_SECONDS)
        self._process = None
        return code

    def stop(self) -> None:
        """End it."""
        if self._process is None:
            return
        self.terminate()
        try:
            self.wait()
        except subprocess.TimeoutExpired:
            self.kill()

    def get(self, page: str) -> tuple[int, str]:
        """A page of its administration."""
        return get(self._admin, page)

    def _is_ready(self) -> bool:
        self._check()
        return self.get("/readyz")[0] == 200

    def _is_alive(self) -> bool:
        self._check()
        return self.get("/healthz")[0] == 200

    def _check(self) -> None:
        if self.process.poll() is not None:
            raise RuntimeError(f"eco2-authz ended: {self.log.read_text()[-4000:]}")


def get(address: str, page: str) -> tuple[int, str]:
    """A page: status (0: no connection) and text."""
    host, _, port = address.rpartition(":")
    with closing(HTTPConnection(host, int(port), timeout=5)) as connection:
        try:
            connection.request("GET", page)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except (HTTPException, OSError):
            return 0, ""


@contextmanager
def running(folder: Path, *, ready: bool = True, **options: Any) -> Iterator[Server]:
    """Start one; it ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(folder, **options)
    try:
        server.start(ready=ready)
        yield server
    finally:
        server.stop()
