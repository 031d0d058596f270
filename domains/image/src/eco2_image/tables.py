"""The tables of the schema `image`. What changes them is a migration."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, DateTime, Index, Integer, MetaData, Table, Text, func, text
from sqlalchemy.dialects.postgresql import UUID

from eco2_tasks.tables import tasks_table

metadata: Final = MetaData(schema="image")

uploads: Final = Table(
    "uploads",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'pending'")),
    Column("method", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("declared_size", Integer, nullable=False),
    Column("raw_key", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    Column("reason", Text),
    Column("key", Text),
    Column("size", Integer),
    Column("sha256", Text),
    Column("width", Integer),
    Column("height", Integer),
)
"""What users have uploaded, or were going to.

`state`: ``pending``, ``processing`` (a task of the same id is at work), ``ready`` (`key` and what follows is there),
``rejected`` (with `reason`), ``deleted`` (by the user; it still counts for the day).
"""

Index("uploads_of_user", uploads.c.user_id, uploads.c.created_at, uploads.c.id)
Index("uploads_by_key", uploads.c.key, unique=True, postgresql_where=text("key IS NOT NULL"))
Index("uploads_pending", uploads.c.expires_at, postgresql_where=text("state = 'pending'"))
Index("uploads_processing", uploads.c.created_at, postgresql_where=text("state = 'processing'"))
Index("uploads_ended", uploads.c.finished_at, postgresql_where=text("state IN ('rejected', 'deleted')"))

doomed_objects: Final = Table(
    "doomed_objects",
    metadata,
    Column("key", Text, primary_key=True),
    Column("due_at", DateTime(timezone=True)),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
)
"""Objects that have to go, written down before they are there.

`due_at`: when it is deleted next; null while a task needs it. `until`: somebody may write it until then, so that it is
deleted once more afterwards. `attempts`: how often its deletion was begun.
"""

Index("doomed_objects_due", doomed_objects.c.due_at)

deleted_users: Final = Table(
    "deleted_users",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("deleted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
"""Users who have left: what comes later for them is refused."""

tasks: Final = tasks_table(metadata)
"""What is to be done; its id is the upload's."""
