"""The tables of the schema `auth`."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Sequence,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata: Final = MetaData(schema="auth")

_NOW: Final = text("now()")

users: Final = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
)

accounts: Final = Table(
    "accounts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("provider", String(32), nullable=False),
    Column("subject", Text, nullable=False),
    Column("email", Text),
    Column("email_verified", Boolean, nullable=False),
    Column("nickname", Text),
    Column("picture", Text),
    Column("last_login_at", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    UniqueConstraint("provider", "subject", name="accounts_provider_subject_key"),
)
"""Accounts at the providers. Whose one is, its (provider, subject) says, and never an e-mail address."""

outbox_version: Final = Sequence("outbox_version", metadata=metadata)

outbox: Final = Table(
    "outbox",
    metadata,
    Column("user_id", ForeignKey(users.c.id, ondelete="CASCADE"), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_attempt_at", DateTime(timezone=True), nullable=False),
    Index("outbox_next_attempt_at_idx", "next_attempt_at"),
)
"""What `my` has not been told yet: of each user the newest state alone, since each one holds all of it."""

signing_keys: Final = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("public_jwk", JSONB, nullable=False),
    Column("published_at", DateTime(timezone=True), nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    Column("last_signed_until", DateTime(timezone=True)),
)
"""Published keys. `seen_at`: when a process last had it in its bundle. To withdraw a stolen key at once, take it out of
every bundle and delete its row."""
