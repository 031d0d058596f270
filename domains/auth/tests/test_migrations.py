"""The schema goes up, down and up again, and says what the tables say."""

import subprocess
import sys

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from support.postgres import Postgres

from eco2_auth.tables import metadata
from eco2_service.database import Database
from eco2_service.migrations import downgrade, revisions, upgrade

PACKAGE = "eco2_auth"


def tables(server: Postgres, url: str) -> set[str]:
    database = url.rsplit("/", 1)[1]
    rows = server.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'auth'", database=database)
    return {row[0] for row in rows}


def test_up_down_and_up_again(postgres: Postgres) -> None:
    with postgres.database() as url:
        for _ in range(2):
            upgrade(PACKAGE, url)
            assert tables(postgres, url) == {"users", "accounts", "outbox", "signing_keys", "alembic_version"}
            upgrade(PACKAGE, url)
            has, newest = revisions(PACKAGE, url, "auth")
            assert has == newest
            downgrade(PACKAGE, url, "base")
            assert tables(postgres, url) <= {"alembic_version"}
            rest = postgres.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = 'auth'::regnamespace AND relkind = 'S'",
                database=url.rsplit("/", 1)[1],
            )
            assert rest == []


def test_two_at_once_do_it_once(postgres: Postgres) -> None:
    with postgres.database() as url:
        # Processes, as pods are: Alembic's context is one for a whole process.
        program = f"from eco2_service.migrations import upgrade; upgrade({PACKAGE!r}, {url!r})"
        runs = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]
        assert [run.wait(120) for run in runs] == [0, 0]
        assert tables(postgres, url) == {"users", "accounts", "outbox", "signing_keys", "alembic_version"}


async def test_the_schema_is_what_the_tables_say(database_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        options = {"include_schemas": True, "include_name": lambda name, kind, _: kind != "schema" or name == "auth"}
        context = MigrationContext.configure(connection, opts={**options, "version_table_schema": "auth"})
        found: list[object] = compare_metadata(context, metadata)
        return found

    database = Database(database_url, name="test", pool_size=1, timeout=30)
    async with database.begin() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()
