"""What holds for the schema of every domain, on a real PostgreSQL. All raise AssertionError."""

import os
import subprocess
import sys
from collections.abc import Sequence

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData

from eco2_service.database import Database
from eco2_service.migrations import downgrade, revisions, upgrade
from support.postgres import Postgres

TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = $1 ORDER BY 1"
VERSION = "alembic_version"


def goes_up_down_and_up_again(postgres: Postgres, schema: str, tables: Sequence[str], newest: str) -> None:
    """In an empty database, by the migrations of ``eco2_<schema>``.

    Args:
        tables: at the newest revision, beside that of the version.
    """
    package = f"eco2_{schema}"
    with postgres.database() as url:
        upgrade(package, url)
        assert _tables(postgres, url, schema) == sorted([VERSION, *tables])
        downgrade(package, url, "base")
        assert _tables(postgres, url, schema) == [VERSION]
        upgrade(package, url)
        assert _tables(postgres, url, schema) == sorted([VERSION, *tables])
        assert revisions(package, url, schema) == (newest, newest)


async def has_the_tables_of_the_program(database_url: str, metadata: MetaData) -> None:
    """A database with the schema, and what the program takes it to be."""

    def differences(connection: Connection) -> list[object]:
        options = {"include_schemas": True, "version_table_schema": metadata.schema, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        return [*compare_metadata(context, metadata)]

    database = Database(database_url, name="tests", pool_size=1, timeout=10)
    async with database.begin() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()


def is_brought_up_by_two_programs_at_once(postgres: Postgres, schema: str, tables: Sequence[str], newest: str) -> None:
    """Both say that it is there, and it is."""
    command = [sys.executable, "-m", f"eco2_{schema}", "migrate"]
    with postgres.database() as url:
        environment = os.environ | {"DATABASE_URL": url}
        programs = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        said = [program.communicate(timeout=60)[0] for program in programs]
        assert [program.returncode for program in programs] == [0, 0]
        assert [line.splitlines()[-1] for line in said] == [f"schema {schema}: revision {newest}"] * 2
        assert _tables(postgres, url, schema) == sorted([VERSION, *tables])


def _tables(postgres: Postgres, url: str, schema: str) -> list[str]:
    return [name for (name,) in postgres.execute(TABLES, schema, database=url.rsplit("/", 1)[1])]
