"""The tables of the schema `my`. What changes them is a migration."""

from __future__ import annotations

from datetime import datetime
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
    SmallInteger,
    String,
    Table,
    Text,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata: Final = MetaData(schema="my")


def _now(name: str) -> Column[datetime]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


users: Final = Table(
    "users",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("nickname", Text),
    Column("version", BigInteger, nullable=False, server_default=text("1")),
    Column("pushed_version", BigInteger, nullable=False),
    Column("is_leaving", Boolean, nullable=False, server_default=false()),
    _now("created_at"),
    _now("updated_at"),
)
"""`nickname`: the user's own choice; without one, the account's is shown. `version` counts the changes of all that is
shown; `pushed_version` is auth's. `is_leaving`: there is a deletion."""

accounts: Final = Table(
    "accounts",
    metadata,
    Column("user_id", String(128), ForeignKey(users.c.id, ondelete="CASCADE"), primary_key=True),
    Column("position", SmallInteger, primary_key=True, autoincrement=False),
    Column("provider", String(32), nullable=False),
    Column("email", Text),
    Column("nickname", Text),
    Column("picture", Text),
    Column("last_login_at", DateTime(timezone=True), nullable=False),
)
"""A user's accounts with providers as auth told of them last, in auth's order."""

deletions: Final = Table(
    "deletions",
    metadata,
    Column("user_id", String(128), primary_key=True),
    _now("requested_at"),
    Column("steps", JSONB, nullable=False, server_default=text("'{}'")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("last_error", Text),
    _now("next_attempt_at"),
    Column("finished_at", DateTime(timezone=True)),
)
"""Users that asked to be deleted. Kept for good, and without anything but the id: later pushes are refused by it.

`steps`: ``done`` or ``skipped`` by domain. `attempts` and `last_error` are of the step that is next. `next_attempt_at`
lies in the future while somebody works on it."""

Index("deletions_unfinished", deletions.c.next_attempt_at, postgresql_where=deletions.c.finished_at.is_(None))
