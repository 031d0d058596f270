"""The program itself: killed in the middle of each step, and a database that goes away."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import SecretStr
from support.aio import becomes
from support.other_domains import OtherDomains
from support.postgres import Postgres, running
from support.redis import free_port
from support.services import SERVICE_TOKEN, identity, migrated_template, serve, service_token

from eco2_my.application import create_app
from eco2_my.settings import Settings
from eco2_my.steps import ORDER
from eco2_service.database import Database

OTHERS = ORDER[:-1]
ME = "/api/v1/user/me"
DUE_NOW = "UPDATE my.deletions SET next_attempt_at = now() WHERE finished_at IS NULL"
FINISHED = "SELECT finished_at IS NOT NULL FROM my.deletions"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'my'"

Sql = Callable[..., list[tuple[Any, ...]]]


@contextmanager
def program(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """`eco2-my serve`, killed at the end of the block if it still runs."""
    urls = {f"{name.upper()}_URL": str(url) for name, url in settings.domain_urls.items()}
    environment = os.environ | {
        **urls,
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "CHARACTER_SERVICE_TOKEN_SECRET": SERVICE_TOKEN,
        "LISTEN_HOST": "127.0.0.1",
        "LISTEN_PORT": str(free_port()),
        "DELETION_POLL_SECONDS": "0.05",
    }
    with subprocess.Popen([sys.executable, "-m", "eco2_my", "serve"], env=environment, stdout=subprocess.DEVNULL) as it:
        try:
            yield it
        finally:
            it.kill()


async def test_killed_in_the_middle_of_each_step(settings: Settings, sql: Sql, domains: OtherDomains) -> None:
    sql("INSERT INTO my.users (id, pushed_version, is_leaving) VALUES ('user-1', 1, true)")
    sql("INSERT INTO my.deletions (user_id) VALUES ('user-1')")
    for domain in OTHERS:
        domains.silent = {domain}
        with program(settings):
            await becomes(lambda domain=domain: (domain, "user-1") in domains.asked)  # type: ignore[misc]
        sql(DUE_NOW)
    domains.silent.clear()
    database = Database.from_settings(settings, name="tests")
    async with database.begin() as connection:
        await connection.exec_driver_sql("SELECT 1 FROM my.users FOR UPDATE")
        with program(settings):
            await becomes(lambda: sql(WAITING) == [(1,)])
    await database.close()
    assert sql("SELECT count(*) FROM my.users") == [(1,)]
    sql(DUE_NOW)
    with program(settings) as last:
        await becomes(lambda: sql(FINISHED) == [(True,)])
        last.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(last.wait, 30) == 0
    assert sql("SELECT count(*) FROM my.users") == [(0,)]
    assert set(domains.forgotten) == {(domain, "user-1") for domain in OTHERS}


@pytest.fixture
def mortal() -> Iterator[tuple[Postgres, str]]:
    """A PostgreSQL that may be killed, and the name of a database with the schema."""
    with running() as server, migrated_template(server, "eco2_my") as name:
        yield server, name


async def test_the_database_goes_away_in_the_middle_of_a_step(
    settings: Settings, mortal: tuple[Postgres, str], domains: OtherDomains
) -> None:
    server, name = mortal
    changes = {"database_url": SecretStr(server.url(name)), "deletion_call_seconds": 0.5}
    async with serve(create_app(settings.model_copy(update=changes)), headers=identity("user-1")) as client:
        body = {"version": 1, "accounts": [{"provider": "google", "last_login_at": "2026-01-02T03:04:05Z"}]}
        path = "/api/v1/internal/users/user-1"
        assert (await client.put(path, json=body, headers=service_token())).status_code == 204
        domains.silent.add("character")
        assert (await client.delete(ME)).status_code == 202
        await becomes(lambda: ("character", "user-1") in domains.asked)
        server.kill()
        domains.silent.clear()
        assert (await client.get(ME)).status_code == 503
        assert (await client.get("/ready")).status_code == 503
        server.start()
        await becomes(lambda: server.execute(FINISHED, database=name) == [(True,)])
        assert (await client.get(ME)).status_code == 410
    assert set(domains.forgotten) == {(domain, "user-1") for domain in OTHERS}
