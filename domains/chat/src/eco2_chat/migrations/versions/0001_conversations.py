"""Tables: conversations, exchanges."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, UUID

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "chat"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "conversations",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("last_number", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("generation", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("is_deleted", sa.Boolean, nullable=False, server_default=sa.false()),
        schema=SCHEMA,
    )
    op.create_table(
        "exchanges",
        sa.Column("user_id", sa.Text, sa.ForeignKey(f"{SCHEMA}.conversations.user_id"), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("id", UUID(as_uuid=True), nullable=False, server_default=sa.text("gen_random_uuid()")),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("image_id", UUID(as_uuid=True), nullable=True),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("rules", JSONB, nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        schema=SCHEMA,
    )


def downgrade() -> None:
    """Drop them, with what users wrote."""
    op.drop_table("exchanges", schema=SCHEMA)
    op.drop_table("conversations", schema=SCHEMA)
