"""A domain's schema, brought to a revision by Alembic.

Every domain has a schema of its own name, with Alembic's version table in it. All steps of a run are one transaction
behind an advisory lock: two runs at once do the work once, and a run that fails has done nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any, Final, cast

from alembic import command, context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.schema import CreateSchema

from eco2_service.database import Database
from eco2_service.settings import DatabaseSettings

TIMEOUT_SECONDS: Final = 600.0
"""Of one statement; the Job that runs them has a deadline of its own."""
LOCK_TIMEOUT: Final = "30s"
"""How long a change of a table waits for others' transactions: everybody else waits behind it meanwhile."""


def alembic_config(package: str, url: str) -> Config:
    """Alembic's configuration for a domain's package."""
    config = Config()
    config.set_main_option("script_location", f"{package}:migrations")
    config.attributes["url"] = url
    return config


def upgrade(package: str, url: str, revision: str = "head") -> None:
    """Bring the schema up to a revision. Not for use in an event loop.

    Raises:
        DatabaseUnavailable: when PostgreSQL does not answer.
    """
    command.upgrade(alembic_config(package, url), revision)


def downgrade(package: str, url: str, revision: str) -> None:
    """Bring the schema down to a revision, or to ``base``. Not for use in an event loop."""
    command.downgrade(alembic_config(package, url), revision)


def revisions(package: str, url: str, schema: str) -> tuple[str | None, str | None]:
    """The revision that the database has, and the newest. Not for use in an event loop."""
    newest = ScriptDirectory.from_config(alembic_config(package, url)).get_current_head()
    found: list[str | None] = [None]

    def look(connection: Connection) -> None:
        settings = {"version_table_schema": schema}
        found[0] = MigrationContext.configure(connection, opts=settings).get_current_revision()

    asyncio.run(_connected(url, look))
    return found[0], newest


def run(metadata: MetaData) -> None:
    """Run what Alembic was asked for; an `env.py` calls it.

    Args:
        metadata: the domain's tables; its `schema` is the domain's.
    """
    config = context.config
    url = config.attributes.get("url") or DatabaseSettings().database_url.get_secret_value()
    if context.is_offline_mode():
        context.configure(url=url, dialect_name="postgresql", literal_binds=True, **_options(metadata))
        with context.begin_transaction():
            context.run_migrations()
    else:
        asyncio.run(_connected(url, lambda connection: _migrate(connection, metadata)))


def _migrate(connection: Connection, metadata: MetaData) -> None:
    schema = cast(str, metadata.schema)
    context.configure(connection=connection, **_options(metadata))
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key(schema)})
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.execute(CreateSchema(schema, if_not_exists=True))
        context.run_migrations()


def lock_key(schema: str) -> int:
    """The advisory lock of a schema's migrations: 64 bits with a sign, as PostgreSQL has them."""
    return int.from_bytes(hashlib.sha256(f"eco2-migrations:{schema}".encode()).digest()[:8], "big", signed=True)


def _options(metadata: MetaData) -> dict[str, Any]:
    schema = metadata.schema

    def is_ours(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "schema" or name == schema

    return {
        "target_metadata": metadata,
        "version_table_schema": schema,
        "include_schemas": True,
        "include_name": is_ours,
        "compare_server_default": True,
    }


async def _connected(url: str, work: Callable[[Connection], None]) -> None:
    database = Database(url, name="migrations", pool_size=1, timeout=TIMEOUT_SECONDS)
    try:
        async with database.begin() as connection:
            await connection.run_sync(work)
    finally:
        await database.close()
