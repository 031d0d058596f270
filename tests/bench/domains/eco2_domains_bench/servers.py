"""The servers as processes, on one core; PostgreSQL, Redis and the load have the other."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx2
import psutil
from sqlalchemy import insert
from support.redis import free_port

from eco2_my.tables import accounts, users
from eco2_service.database import Database
from eco2_service.migrations import upgrade

SERVER_CORE: Final = 0
OTHER_CORE: Final = 1
USER: Final = "0d9e6a51-3f0e-4c42-9b39-9b9f3f3c5d11"
BENCH: Final = Path(__file__).parents[1]


class Server:
    """A process that serves."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.port = port
        self._process = psutil.Process(process.pid)

    def cpu(self) -> float:
        """Seconds of its core until now."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> float:
        """MiB that it has in use."""
        return float(self._process.memory_info().rss) / 2**20


@contextmanager
def serving(words: list[str], environ: dict[str, str], log: Path) -> Iterator[Server]:
    """Run a server; `{port}` in words is its port. Its log is a file, as a container's is in the end."""
    port = free_port()
    command = ["taskset", "--cpu-list", str(SERVER_CORE), sys.executable, *(word.format(port=port) for word in words)]
    environment = {
        **environ,
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{BENCH}:{BENCH.parents[1]}",
        "LISTEN_HOST": "127.0.0.1",
        "LISTEN_PORT": str(port),
    }
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait(process, port, log)
        yield Server(process, port)
    finally:
        process.terminate()
        process.wait(30)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended:\n{log.read_text()[-3000:]}")
        try:
            httpx2.get(f"http://127.0.0.1:{port}/health", trust_env=False)
            return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"no answer on port {port}")


def prepare(url: str, *, others: int) -> None:
    """Bring the schemas up, with one user to ask for among others, and the catalogue as it is delivered."""
    for package in ("eco2_my", "eco2_character"):
        upgrade(package, url)
    asyncio.run(_fill(url, others))


async def _fill(url: str, others: int) -> None:
    database = Database(url, name="bench", pool_size=1, timeout=60)
    names = [USER, *(f"user-{number}" for number in range(others))]
    async with database.begin() as connection:
        await connection.execute(insert(users), [{"id": name, "pushed_version": 1} for name in names])
        await connection.execute(
            insert(accounts),
            [
                {
                    "user_id": name,
                    "position": position,
                    "provider": provider,
                    "email": f"{name}@example.org",
                    "nickname": "초록이",
                    "picture": "https://cdn.example.org/p.png",
                    "last_login_at": datetime(2026, 1, 1 + position, tzinfo=UTC),
                }
                for name in names
                for position, provider in enumerate(("google", "kakao"))
            ],
        )
    await database.close()
