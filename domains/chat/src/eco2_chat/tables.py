"""The tables of the schema `chat`. What changes them is a migration."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, DateTime, ForeignKey, MetaData, Table, Text, false, func, text
from sqlalchemy.dialects.postgresql import JSONB, UUID

metadata: Final = MetaData(schema="chat")

conversations: Final = Table(
    "conversations",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("last_number", BigInteger, nullable=False, server_default=text("0")),
    Column("generation", BigInteger, nullable=False, server_default=text("0")),
    Column("is_deleted", Boolean, nullable=False, server_default=false()),
)
"""One for each user: how many messages came, how often the history was deleted, and whether the user was.

The row of a deleted user stays for good: what was under way then must not bring anything back.
"""

exchanges: Final = Table(
    "exchanges",
    metadata,
    Column("user_id", Text, ForeignKey(conversations.c.user_id), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("id", UUID(as_uuid=True), nullable=False, server_default=text("gen_random_uuid()")),
    Column("kind", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("image_id", UUID(as_uuid=True), nullable=True),
    Column("answer", Text, nullable=False),
    Column("rules", JSONB, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("answered_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
"""A message and its answer: both in one row, so that there is never one without the other."""
