"""The domain auth as a process of its own, as a pod would run it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from eco2_auth.settings import Settings
from support.auth import environment
from support.redis import free_port
from support.waits import eventually

_STOP_SECONDS = 30


class AuthProcess:
    """One that runs.

    Args:
        folder: for its log.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / f"auth-{port}.log"
        self._environ = {
            **os.environ,
            **environment(settings),
            "LISTEN_HOST": "127.0.0.1",
            "LISTEN_PORT": str(port),
            "PYTHONWARNINGS": "error",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns when it is ready."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "eco2_auth", "serve"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environ,
            )
        eventually(self._is_ready)

    def stop(self) -> int:
        """Have it end in order. Its exit code."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"eco2-auth ended: {self.log.read_text()[-4000:]}")
        try:
            return httpx2.get(f"{self.url}/ready", trust_env=False).status_code == 200
        except httpx2.TransportError:
            return False


@contextmanager
def running(folder: Path, settings: Settings) -> Iterator[AuthProcess]:
    """Start one; it ends with the block."""
    process = AuthProcess(folder, settings)
    try:
        process.start()
        yield process
    finally:
        process.stop()
