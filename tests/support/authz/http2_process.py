"""Starting and stopping the server of `http2_server`, and looking at it from outside."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
from support.authz.http2_client import Client

TESTS: Final = Path(__file__).parents[2]
_STOP_SECONDS: Final = 30


class ServerProcess:
    """One server that runs."""

    def __init__(self, process: subprocess.Popen[str], address: str, log: Path) -> None:
        self.address = address
        self.log = log
        self._process = process
        self._psutil = psutil.Process(process.pid)

    @property
    def host(self) -> str:
        """Of an address with a port."""
        return self.address.rpartition(":")[0]

    @property
    def port(self) -> int:
        """Of an address with one."""
        return int(self.address.rpartition(":")[2])

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    @property
    def rss(self) -> int:
        """Octets of memory."""
        return int(self._psutil.memory_info().rss)

    def state(self) -> dict[str, Any]:
        """What it says about itself, on a connection of its own."""
        with Client(self.address) as client:
            found: dict[str, Any] = json.loads(client.call(b"state"))
            return found

    def terminate(self) -> None:
        """Ask it to drain and end."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Its exit code, when it has ended."""
        return self._process.wait(_STOP_SECONDS)

    def stop(self) -> None:
        """End it."""
        if self.alive:
            self._process.kill()
        self._process.wait(_STOP_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def serving(folder: Path, *, address: str = "127.0.0.1:0", **settings: Any) -> Iterator[ServerProcess]:
    """A server that listens; its log is in the folder.

    Args:
        address: ``unix`` for a socket in the folder.
        settings: as `http2_server` takes them.
    """
    if address == "unix":
        address = f"unix:{folder / 'socket'}"
    log = folder / "server.log"
    path = os.pathsep.join((os.environ.get("PYTHONPATH", ""), str(TESTS)))  # it may be compiled
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "error"}
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "support.authz.http2_server", json.dumps({"address": address, **settings})],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"the server did not start: {log.read_text()}"
    server = ServerProcess(process, json.loads(line)["address"], log)
    try:
        yield server
    finally:
        server.stop()
