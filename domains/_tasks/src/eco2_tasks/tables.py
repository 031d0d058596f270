"""The write-ahead log of tasks, in the schema of the domain that has them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from alembic import op
from sqlalchemy import Column, DateTime, Index, Integer, MetaData, String, Table, func, text
from sqlalchemy.dialects.postgresql import JSONB, UUID

NAME: Final = "tasks"


def tasks_table(metadata: MetaData) -> Table:
    """The table ``tasks``, for a domain's tables.py. `metadata.schema` is the domain's.

    `state`: ``accepted`` (no message is known to be with the broker), ``dispatched`` (there is one, or somebody has
    begun), ``done``, ``failed`` (the work refused it for good), ``dead`` (every attempt failed).
    `attempts`: how often it was begun. `lease_token`: of who began it last. Nobody may begin it before `lease_until`:
    until then it is somebody's, or it rests after a failure. `due_at`: when the reaper has to look at it.
    """
    table = Table(NAME, metadata, *_columns())
    Index("tasks_due", table.c.due_at, postgresql_where=text(_UNFINISHED))
    Index("tasks_of_user", table.c.user_id, table.c.accepted_at)
    Index("tasks_state", table.c.state)
    Index("tasks_finished", table.c.finished_at, postgresql_where=text(_FINISHED))
    return table


def create_tasks_table(schema: str) -> None:
    """What a domain's migration does to have the table."""
    op.create_table(NAME, *_columns(), schema=schema)
    op.create_index("tasks_due", NAME, ["due_at"], schema=schema, postgresql_where=text(_UNFINISHED))
    op.create_index("tasks_of_user", NAME, ["user_id", "accepted_at"], schema=schema)
    op.create_index("tasks_state", NAME, ["state"], schema=schema)  # every replica counts them again and again
    op.create_index("tasks_finished", NAME, ["finished_at"], schema=schema, postgresql_where=text(_FINISHED))


def drop_tasks_table(schema: str) -> None:
    """What a domain's migration does to be rid of it, with what is in it."""
    op.drop_table(NAME, schema=schema)


_UNFINISHED: Final = "state IN ('accepted', 'dispatched')"
_FINISHED: Final = "finished_at IS NOT NULL"


def _columns() -> list[Column[Any]]:
    def moment(name: str, *, filled: bool = False) -> Column[datetime]:
        default = func.now() if filled else None
        return Column(name, DateTime(timezone=True), nullable=not filled, server_default=default)

    return [
        Column("id", UUID(as_uuid=True), primary_key=True),
        Column("kind", String(64), nullable=False),
        Column("user_id", String(128), nullable=False),
        Column("payload", JSONB, nullable=False),
        Column("state", String(16), nullable=False, server_default=text("'accepted'")),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
        Column("lease_token", UUID(as_uuid=True)),
        moment("lease_until"),
        moment("accepted_at", filled=True),
        moment("dispatched_at"),
        moment("due_at", filled=True),
        moment("finished_at"),
        Column("result", JSONB(none_as_null=True)),
        Column("error", JSONB(none_as_null=True)),
    ]
