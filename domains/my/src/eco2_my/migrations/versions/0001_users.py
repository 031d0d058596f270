"""Tables: users, their accounts with providers, their deletions."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "my"


def _now(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def upgrade() -> None:
    """Make them all."""
    op.create_table(
        "users",
        sa.Column("id", sa.String(128), primary_key=True),
        sa.Column("nickname", sa.Text),
        sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
        sa.Column("pushed_version", sa.BigInteger, nullable=False),
        sa.Column("is_leaving", sa.Boolean, nullable=False, server_default=sa.false()),
        _now("created_at"),
        _now("updated_at"),
        schema=SCHEMA,
    )
    user = sa.ForeignKey(f"{SCHEMA}.users.id", ondelete="CASCADE")
    op.create_table(
        "accounts",
        sa.Column("user_id", sa.String(128), user, primary_key=True),
        sa.Column("position", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("email", sa.Text),
        sa.Column("nickname", sa.Text),
        sa.Column("picture", sa.Text),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "deletions",
        sa.Column("user_id", sa.String(128), primary_key=True),
        _now("requested_at"),
        sa.Column("steps", JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("last_error", sa.Text),
        _now("next_attempt_at"),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        schema=SCHEMA,
    )
    op.create_index(
        "deletions_unfinished",
        "deletions",
        ["next_attempt_at"],
        schema=SCHEMA,
        postgresql_where=sa.text("finished_at IS NULL"),
    )


def downgrade() -> None:
    """Drop them all, with what is in them."""
    for name in ("deletions", "accounts", "users"):
        op.drop_table(name, schema=SCHEMA)
