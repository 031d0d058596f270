"""Tables: characters, who owns which, answered rewards, deleted users."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, UUID

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "character"


def _now(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def upgrade() -> None:
    """Make them all."""
    op.create_table(
        "characters",
        sa.Column("id", UUID(as_uuid=True), primary_key=True, server_default=sa.text("gen_random_uuid()")),
        sa.Column("code", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("dialog", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("match_major", sa.Text, nullable=False),
        sa.Column("match_middle", sa.Text),
        sa.Column("match_minor", sa.Text),
        sa.Column("match_key", sa.Text, nullable=False),
        sa.Column("is_default", sa.Boolean, nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True)),
        _now("created_at"),
        _now("updated_at"),
        sa.CheckConstraint("match_major <> '' AND match_key <> ''", name="characters_match_is_there"),
        sa.CheckConstraint("match_middle IS NOT NULL OR match_minor IS NULL", name="characters_match_is_a_path"),
        schema=SCHEMA,
    )
    op.create_index(
        "characters_match_key",
        "characters",
        ["match_key"],
        unique=True,
        schema=SCHEMA,
        postgresql_where=sa.text("retired_at IS NULL"),
    )
    op.create_index(
        "characters_default",
        "characters",
        ["is_default"],
        unique=True,
        schema=SCHEMA,
        postgresql_where=sa.text("is_default AND retired_at IS NULL"),
    )
    version = op.create_table(
        "catalogue_version",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False, server_default=sa.text("1")),
        sa.Column("version", sa.BigInteger, nullable=False),
        _now("changed_at"),
        sa.CheckConstraint("id = 1", name="catalogue_version_one_row"),
        schema=SCHEMA,
    )
    op.bulk_insert(version, [{"version": 0}])
    op.create_table(
        "ownerships",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("character_id", UUID(as_uuid=True), sa.ForeignKey(f"{SCHEMA}.characters.id"), primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        _now("acquired_at"),
        schema=SCHEMA,
    )
    op.create_index("ownerships_by_time", "ownerships", ["user_id", "acquired_at", "character_id"], schema=SCHEMA)
    op.create_table(
        "rewards",
        sa.Column("request_id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("response", JSONB, nullable=False),
        _now("created_at"),
        schema=SCHEMA,
    )
    op.create_index("rewards_by_user", "rewards", ["user_id"], schema=SCHEMA)
    op.create_table(
        "deleted_users",
        sa.Column("user_id", sa.Text, primary_key=True),
        _now("deleted_at"),
        schema=SCHEMA,
    )


def downgrade() -> None:
    """Drop them all, with what users own."""
    for name in ("deleted_users", "rewards", "ownerships", "catalogue_version", "characters"):
        op.drop_table(name, schema=SCHEMA)
