"""The schema on a real PostgreSQL: up, down and up again, by one program or two at once."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from support.postgres import Postgres

from eco2_image.tables import metadata
from eco2_service.database import Database
from eco2_service.migrations import downgrade, revisions, upgrade

SCHEMA = "image"
TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = $1 ORDER BY 1"
ALL = [("alembic_version",), ("deleted_users",), ("doomed_objects",), ("tasks",), ("uploads",)]


@pytest.fixture
def empty(postgres: Postgres) -> Iterator[str]:
    """The URL of a database without the schema."""
    with postgres.database() as url:
        yield url


def tables(postgres: Postgres, url: str) -> list[tuple[str]]:
    return postgres.execute(TABLES, SCHEMA, database=url.rsplit("/", 1)[1])


def test_up_down_and_up_again(postgres: Postgres, empty: str) -> None:
    upgrade("eco2_image", empty)
    assert tables(postgres, empty) == ALL
    downgrade("eco2_image", empty, "base")
    assert tables(postgres, empty) == [("alembic_version",)]
    upgrade("eco2_image", empty)
    assert tables(postgres, empty) == ALL
    has, newest = revisions("eco2_image", empty, SCHEMA)
    assert has == newest == "0001"


async def test_the_tables_are_those_of_the_program(database_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        options = {"include_schemas": True, "version_table_schema": SCHEMA, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        return [*compare_metadata(context, metadata)]

    database = Database(database_url, name="tests", pool_size=1, timeout=10)
    async with database.begin() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()


def test_two_programs_at_once(postgres: Postgres, empty: str) -> None:
    command = [sys.executable, "-m", "eco2_image", "migrate"]
    environment = os.environ | {"DATABASE_URL": empty}
    programs = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [program.communicate(timeout=60)[0] for program in programs]
    assert [program.returncode for program in programs] == [0, 0]
    assert [line.splitlines()[-1] for line in said] == [f"schema {SCHEMA}: revision 0001"] * 2
    assert tables(postgres, empty) == ALL
