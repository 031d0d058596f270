"""The tables of the schema `scan`. What changes them is a migration."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from eco2_tasks.tables import tasks_table

metadata: Final = MetaData(schema="scan")


def _now(name: str) -> Column[datetime]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


tasks: Final = tasks_table(metadata)
"""The write-ahead log: every classification that was accepted, and what became of it (`result`)."""

rewards: Final = Table(
    "rewards",
    metadata,
    Column("task_id", UUID(as_uuid=True), ForeignKey(tasks.c.id, ondelete="CASCADE"), primary_key=True),
    Column("state", Text, nullable=False, server_default=text("'pending'")),
    Column("request", JSONB, nullable=False),
    Column("reason", Text),
    Column("response", JSONB(none_as_null=True)),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    _now("created_at"),
    _now("next_attempt_at"),
    Column("settled_at", DateTime(timezone=True)),
    CheckConstraint("state IN ('pending', 'given', 'none')", name="rewards_state"),
)
"""What character is asked for a finished task. Written in the transaction that finishes it: one for each, or none.

`request` is the body as it is sent, the same at every attempt. `response` is the character, and `reason` why it is
none's. While somebody asks, `next_attempt_at` lies in the future.
"""

Index("rewards_pending", rewards.c.next_attempt_at, postgresql_where=rewards.c.state == "pending")

deleted_users: Final = Table(
    "deleted_users",
    metadata,
    Column("user_id", Text, primary_key=True),
    _now("deleted_at"),
)
"""Users that are gone: a request that was under way when they left must not bring them back. Kept for good."""
