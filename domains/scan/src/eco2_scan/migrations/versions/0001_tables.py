"""Tables: tasks, rewards, deleted_users."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, UUID

from eco2_tasks.tables import create_tasks_table, drop_tasks_table

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "scan"


def _now(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def upgrade() -> None:
    """Make them."""
    create_tasks_table(SCHEMA)
    op.create_table(
        "rewards",
        sa.Column(
            "task_id", UUID(as_uuid=True), sa.ForeignKey(f"{SCHEMA}.tasks.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("state", sa.Text, nullable=False, server_default=sa.text("'pending'")),
        sa.Column("request", JSONB, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("response", JSONB(none_as_null=True)),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        _now("created_at"),
        _now("next_attempt_at"),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("state IN ('pending', 'given', 'none')", name="rewards_state"),
        schema=SCHEMA,
    )
    op.create_index(
        "rewards_pending",
        "rewards",
        ["next_attempt_at"],
        schema=SCHEMA,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table("deleted_users", sa.Column("user_id", sa.Text, primary_key=True), _now("deleted_at"), schema=SCHEMA)


def downgrade() -> None:
    """Drop them, with what they hold."""
    op.drop_table("deleted_users", schema=SCHEMA)
    op.drop_table("rewards", schema=SCHEMA)
    drop_tasks_table(SCHEMA)
