"""The PostgreSQL of the tests: databases come and go, and what a test broke works again after it."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from support.postgres import Postgres, running
from support.waits import eventually

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running() as server:
        yield server


def name_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


async def test_a_database_is_empty_and_is_dropped_under_its_clients(server: Postgres) -> None:
    with server.database() as url:
        client = await asyncpg.connect(url)
        await client.execute("CREATE TABLE things ()")
        with server.database() as other:
            assert server.execute("SELECT to_regclass('things')", database=name_of(other)) == [(None,)]
    with pytest.raises(asyncpg.PostgresError):
        await client.fetch("SELECT 1")
    await client.close()
    assert server.execute("SELECT 1 FROM pg_database WHERE datname = $1", name_of(url)) == []


def test_a_copy_has_what_its_template_has(server: Postgres) -> None:
    with server.database() as template:
        server.execute("CREATE TABLE things AS SELECT 7 AS number", database=name_of(template))
        with server.database(template=name_of(template)) as copy:
            assert server.execute("SELECT number FROM things", database=name_of(copy)) == [(7,)]


def test_a_restart_keeps_what_was_committed(server: Postgres) -> None:
    with server.database() as url:
        server.execute("CREATE TABLE things AS SELECT 7 AS number", database=name_of(url))
        server.restart()
        assert server.execute("SELECT number FROM things", database=name_of(url)) == [(7,)]


async def test_a_paused_server_says_nothing_and_its_connections_stay(server: Postgres) -> None:
    client = await asyncpg.connect(server.url())
    with server.paused():
        asked = asyncio.ensure_future(client.fetchval("SELECT 1"))
        assert await asyncio.wait([asked], timeout=0.2) == (set(), {asked})
    assert await asked == 1
    await client.close()


def test_nothing_stays_behind() -> None:
    with running() as server:
        family = [psutil.Process(server.process.pid), *psutil.Process(server.process.pid).children()]
    assert not server.folder.exists()
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in family)


def test_a_test_may_leave_the_server_stopped() -> None:
    with running() as server, server.database():
        server.kill()
    assert not server.folder.exists()


def test_nothing_stays_behind_a_process_that_is_killed() -> None:
    program = "import time; from support.postgres import running\nwith running() as server:\n" + (
        "    print(server.process.pid, server.folder, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=TESTS, stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None
        pid, folder = tests.stdout.readline().split()
        assert Path(folder).exists()
        tests.kill()
    eventually(lambda: not Path(folder).exists())
    assert not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE
