"""Connections to a real PostgreSQL, and what becomes of them when it fails."""

import asyncio
import ssl
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from support import postgres as postgresql

from eco2_service import database as module
from eco2_service.database import Database, DatabaseUnavailable
from eco2_service.metrics import Metrics
from eco2_service.problems import NotFound


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, name="tests", pool_size=2, timeout=2)
    yield database
    await database.close()


async def count(database: Database) -> int:
    async with database.read() as connection:
        return int((await connection.execute(text("SELECT count(*) FROM things"))).scalar_one())


async def make_table(database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(text("CREATE TABLE things (id int PRIMARY KEY)"))


async def test_a_transaction_is_kept_whole_or_not_at_all(database: Database) -> None:
    await make_table(database)
    async with database.begin() as connection:
        await connection.execute(text("INSERT INTO things VALUES (1)"))

    async def fail() -> None:
        async with database.begin() as connection:
            await connection.execute(text("INSERT INTO things VALUES (2)"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await count(database) == 1


async def test_reading_opens_no_transaction(database: Database) -> None:
    async with database.read() as connection:
        ids = [(await connection.execute(text("SELECT pg_current_xact_id()"))).scalar_one() for _ in range(2)]
    assert ids[0] != ids[1]
    async with database.begin() as connection:  # the same connections, and now they do
        ids = [(await connection.execute(text("SELECT pg_current_xact_id()"))).scalar_one() for _ in range(2)]
    assert ids[0] == ids[1]


async def test_connections_name_themselves_and_count_in_utc(database: Database) -> None:
    async with database.read() as connection:
        assert (await connection.execute(text("SHOW application_name"))).scalar_one() == "tests"
        assert (await connection.execute(text("SHOW timezone"))).scalar_one() == "UTC"


async def test_an_error_of_the_program_stays_one_and_hides_what_was_sent(database: Database) -> None:
    await make_table(database)

    async def insert() -> None:
        async with database.begin() as connection:
            await connection.execute(text("INSERT INTO things VALUES (:id)"), {"id": 4711})

    await insert()
    with pytest.raises(IntegrityError) as caught:
        await insert()
    assert "4711" not in str(caught.value).replace("Key (id)=(4711) already exists", "")
    assert "[SQL parameters hidden due to hide_parameters=True]" in str(caught.value)


async def test_nobody_there(database_url: str) -> None:
    database = Database("postgresql://user:password@127.0.0.1:1/x", name="tests", pool_size=1, timeout=1)
    with pytest.raises(DatabaseUnavailable) as caught:
        await database.check()
    assert caught.value.status == 503
    assert "password" not in caught.value.detail
    await database.close()


async def test_all_connections_in_use(database_url: str) -> None:
    database = Database(database_url, name="tests", pool_size=1, timeout=0.2)
    async with database.read() as connection:
        await connection.execute(text("SELECT 1"))
        with pytest.raises(DatabaseUnavailable):
            await database.check()
    await database.check()
    await database.close()


async def test_a_restart_costs_at_most_the_request_of_that_moment() -> None:
    with postgresql.running() as server, server.database() as url:
        database = Database(url, name="tests", pool_size=2, timeout=5)
        await database.check()
        await asyncio.to_thread(server.restart)
        for _ in range(2):
            try:
                await database.check()
            except DatabaseUnavailable:
                continue
        await database.check()
        await database.close()


async def test_a_session_that_the_server_ends_is_unavailable_and_no_error_of_ours(database: Database) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with database.read() as connection:
            await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    await database.check()


async def test_a_rested_connection_is_tried_before_it_is_used(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.read() as connection:
        process = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
    await database.check()
    other = Database(str(database.engine.url.render_as_string(False)), name="other", pool_size=1, timeout=2)
    async with other.read() as connection:
        await connection.execute(text(f"SELECT pg_terminate_backend({process})"))
    await other.close()
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.0)
    await database.check()  # with another connection
    async with database.read() as connection:
        assert (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one() != process


async def test_a_statement_has_a_limit(database_url: str) -> None:
    database = Database(database_url, name="tests", pool_size=1, timeout=0.3)
    with pytest.raises(DatabaseUnavailable):
        async with database.read() as connection:
            await connection.execute(text("SELECT pg_sleep(20)"))
    await database.check()
    await database.close()


@pytest.mark.parametrize("state", ["40001", "40P01", "53300", "55P03", "57014", "57P01"])
async def test_what_passes_by_itself_is_unavailable(database: Database, state: str) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with database.begin() as connection:
            await connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$"))
    await database.check()


async def test_a_primary_that_takes_no_writes_any_more_is_left(database: Database) -> None:
    await make_table(database)
    async with database.read() as connection:
        await connection.execute(text("SET default_transaction_read_only = on"))
        before = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
    with pytest.raises(DatabaseUnavailable):
        async with database.begin() as connection:
            await connection.execute(text("INSERT INTO things VALUES (1)"))
    async with database.begin() as connection:
        assert (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one() != before
        await connection.execute(text("INSERT INTO things VALUES (1)"))


async def test_what_it_takes_is_measured(database_url: str) -> None:
    metrics = Metrics(name="x", version="1")
    database = Database(database_url, name="tests", pool_size=1, timeout=2, metrics=metrics)
    await database.check()
    with pytest.raises(NotFound):  # of the program: the database has answered
        async with database.read():
            raise NotFound("no such thing")
    said = metrics.render().decode()
    assert 'eco2_dependency_request_duration_seconds_count{dependency="postgres",result="ok"} 2.0' in said
    with pytest.raises(DatabaseUnavailable):
        async with database.read() as connection:
            await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    await database.close()
    said = metrics.render().decode()
    assert 'eco2_dependency_request_duration_seconds_count{dependency="postgres",result="error"} 1.0' in said


@pytest.mark.parametrize(
    ("mode", "verified"), [("require", ssl.CERT_NONE), ("verify-full", "verify-full"), ("disable", "disable")]
)
def test_sslmode_means_what_it_means_to_libpq(mode: str, verified: object) -> None:
    address, arguments = module._asyncpg_url(f"postgres://u:p@host/db?sslmode={mode}")
    assert address.render_as_string(hide_password=False) == "postgresql+asyncpg://u:p@host/db"
    tls = arguments["ssl"]
    assert (tls.verify_mode if isinstance(tls, ssl.SSLContext) else tls) == verified
