"""The tables of the schema `character`. What changes them is a migration."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

metadata: Final = MetaData(schema="character")


def _now(name: str) -> Column[datetime]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


characters: Final = Table(
    "characters",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True, server_default=text("gen_random_uuid()")),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("dialog", Text, nullable=False),
    Column("description", Text),
    Column("match_major", Text, nullable=False),
    Column("match_middle", Text),
    Column("match_minor", Text),
    Column("match_key", Text, nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("retired_at", DateTime(timezone=True)),
    _now("created_at"),
    _now("updated_at"),
    CheckConstraint("match_major <> '' AND match_key <> ''", name="characters_match_is_there"),
    CheckConstraint("match_middle IS NOT NULL OR match_minor IS NULL", name="characters_match_is_a_path"),
)
"""All that ever were in the catalogue. What left it is retired, since users own it; `match_key` is `Labels.key`."""

Index(
    "characters_match_key",
    characters.c.match_key,
    unique=True,
    postgresql_where=characters.c.retired_at.is_(None),
)
Index(
    "characters_default",
    characters.c.is_default,
    unique=True,
    postgresql_where=characters.c.is_default & characters.c.retired_at.is_(None),
)

catalogue_version: Final = Table(
    "catalogue_version",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False, server_default=text("1")),
    Column("version", BigInteger, nullable=False),
    _now("changed_at"),
    CheckConstraint("id = 1", name="catalogue_version_one_row"),
)
"""One row; every import that changes the catalogue counts it up."""

ownerships: Final = Table(
    "ownerships",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("character_id", UUID(as_uuid=True), ForeignKey(characters.c.id), primary_key=True),
    Column("source", Text, nullable=False),
    _now("acquired_at"),
)
"""Who owns which; `source` is scan, chat or onboarding."""

Index("ownerships_by_time", ownerships.c.user_id, ownerships.c.acquired_at, ownerships.c.character_id)

rewards: Final = Table(
    "rewards",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("response", JSONB, nullable=False),
    _now("created_at"),
)
"""What was answered to each request, for when it is asked again; `fingerprint` is of the request's body."""

Index("rewards_by_user", rewards.c.user_id)

deleted_users: Final = Table(
    "deleted_users",
    metadata,
    Column("user_id", Text, primary_key=True),
    _now("deleted_at"),
)
"""Users that are gone: a reward that was under way when they left must not bring them back. Kept for good."""
