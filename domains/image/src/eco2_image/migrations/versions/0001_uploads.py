"""Tables: uploads, doomed_objects, deleted_users, tasks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

from eco2_tasks.tables import create_tasks_table, drop_tasks_table

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "image"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "uploads",
        sa.Column("id", UUID(as_uuid=True), primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default=sa.text("'pending'")),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("declared_size", sa.Integer, nullable=False),
        sa.Column("raw_key", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("reason", sa.Text),
        sa.Column("key", sa.Text),
        sa.Column("size", sa.Integer),
        sa.Column("sha256", sa.Text),
        sa.Column("width", sa.Integer),
        sa.Column("height", sa.Integer),
        schema=SCHEMA,
    )
    _index("uploads_of_user", "uploads", "user_id", "created_at", "id")
    _index("uploads_by_key", "uploads", "key", unique=True, where="key IS NOT NULL")
    _index("uploads_pending", "uploads", "expires_at", where="state = 'pending'")
    _index("uploads_processing", "uploads", "created_at", where="state = 'processing'")
    _index("uploads_ended", "uploads", "finished_at", where="state IN ('rejected', 'deleted')")
    op.create_table(
        "doomed_objects",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        schema=SCHEMA,
    )
    _index("doomed_objects_due", "doomed_objects", "due_at")
    op.create_table(
        "deleted_users",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        schema=SCHEMA,
    )
    create_tasks_table(SCHEMA)


def _index(name: str, table: str, *columns: str, unique: bool = False, where: str | None = None) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(name, table, list(columns), unique=unique, schema=SCHEMA, postgresql_where=condition)


def downgrade() -> None:
    """Drop them, with what users uploaded. The objects stay in the bucket: nothing knows them any more."""
    drop_tasks_table(SCHEMA)
    for table in ("deleted_users", "doomed_objects", "uploads"):
        op.drop_table(table, schema=SCHEMA)
