"""The schema on a real PostgreSQL: up, down and up again, by one program or two at once."""

import os
import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from support.postgres import Postgres

from eco2_my.tables import metadata
from eco2_service.database import Database
from eco2_service.migrations import downgrade, revisions, upgrade

TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'my' ORDER BY 1"
ALL = [("accounts",), ("alembic_version",), ("deletions",), ("users",)]


@pytest.fixture
def name(postgres: Postgres) -> str:
    """An empty database; it goes with the server."""
    postgres.execute("DROP DATABASE IF EXISTS empty WITH (FORCE)")
    postgres.execute("CREATE DATABASE empty TEMPLATE template0")
    return "empty"


def test_up_down_and_up_again(postgres: Postgres, name: str) -> None:
    url = postgres.url(name)
    upgrade("eco2_my", url)
    assert postgres.execute(TABLES, database=name) == ALL
    downgrade("eco2_my", url, "base")
    assert postgres.execute(TABLES, database=name) == [("alembic_version",)]
    upgrade("eco2_my", url)
    assert postgres.execute(TABLES, database=name) == ALL
    has, newest = revisions("eco2_my", url, "my")
    assert has == newest == "0001"


async def test_the_tables_are_those_of_the_program(database_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        options = {"include_schemas": True, "version_table_schema": "my", "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        return [*compare_metadata(context, metadata)]

    database = Database(database_url, name="tests", pool_size=1, timeout=10)
    async with database.begin() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()


def test_two_programs_at_once(postgres: Postgres, name: str) -> None:
    environment = os.environ | {"DATABASE_URL": postgres.url(name)}
    command = [sys.executable, "-m", "eco2_my", "migrate"]
    programs = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [program.communicate(timeout=60)[0] for program in programs]
    assert [program.returncode for program in programs] == [0, 0]
    assert [line.splitlines()[-1] for line in said] == ["schema my: revision 0001"] * 2
    assert postgres.execute(TABLES, database=name) == ALL
