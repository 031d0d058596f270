"""Table: places."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import INT4MULTIRANGE, JSONB, UUID

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "location"


def upgrade() -> None:
    """Make it, with the indexes by cell."""
    op.create_table(
        "places",
        sa.Column("id", UUID(as_uuid=True), primary_key=True, server_default=sa.text("gen_random_uuid()")),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("external_id", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("address", sa.Text),
        sa.Column("detail", sa.Text),
        sa.Column("phone", sa.Text),
        sa.Column("lat", sa.Double, nullable=False),
        sa.Column("lng", sa.Double, nullable=False),
        sa.Column("cell", sa.BigInteger, nullable=False),
        sa.Column("hours", JSONB),
        sa.Column("open_minutes", INT4MULTIRANGE),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.UniqueConstraint("source", "external_id", "category", name="places_once"),
        sa.CheckConstraint("lat BETWEEN -90 AND 90", name="places_lat"),
        sa.CheckConstraint("lng >= -180 AND lng < 180 AND (abs(lat) < 90 OR lng = 0)", name="places_lng"),
        sa.CheckConstraint("(hours IS NULL) = (open_minutes IS NULL)", name="places_hours"),
        schema=SCHEMA,
    )
    op.create_index("places_by_cell", "places", ["cell", "id"], schema=SCHEMA)
    op.create_index("places_by_category", "places", ["category", "cell", "id"], schema=SCHEMA)


def downgrade() -> None:
    """Drop it, with all places."""
    op.drop_table("places", schema=SCHEMA)
