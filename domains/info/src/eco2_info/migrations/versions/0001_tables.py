"""Tables: articles, and what is searched."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "info"


def _now(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def _generation() -> sa.Column[str]:
    reference = sa.ForeignKey(f"{SCHEMA}.search_generations.name", ondelete="CASCADE")
    return sa.Column("generation", sa.Text, reference, primary_key=True)


def upgrade() -> None:
    """Make them all."""
    op.create_table(
        "articles",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("tags", ARRAY(sa.Text), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("sources", JSONB, nullable=False),
        sa.Column("verified", sa.Boolean, nullable=False),
        sa.Column("published_on", sa.Date, nullable=False),
        schema=SCHEMA,
    )
    op.create_index("articles_by_time", "articles", ["published_on", "id"], schema=SCHEMA)
    version = op.create_table(
        "articles_version",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False, server_default=sa.text("1")),
        sa.Column("version", sa.BigInteger, nullable=False),
        _now("changed_at"),
        sa.CheckConstraint("id = 1", name="articles_version_one_row"),
        schema=SCHEMA,
    )
    op.bulk_insert(version, [{"version": 0}])
    op.create_table(
        "search_generations",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("articles_version", sa.BigInteger, nullable=False),
        sa.Column("documents", sa.Integer, nullable=False),
        _now("used_at"),
        schema=SCHEMA,
    )
    op.create_table(
        "search_documents",
        _generation(),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("verified", sa.Boolean, nullable=False),
        sa.Column("tokens", TSVECTOR, nullable=False),
        schema=SCHEMA,
    )
    op.create_index(
        "search_documents_tokens",
        "search_documents",
        ["tokens"],
        schema=SCHEMA,
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )
    op.create_table(
        "search_terms",
        _generation(),
        sa.Column("token", sa.Text, primary_key=True),
        sa.Column("documents", sa.Integer, nullable=False),
        schema=SCHEMA,
    )


def downgrade() -> None:
    """Drop them all, with the articles."""
    for name in ("search_terms", "search_documents", "search_generations", "articles_version", "articles"):
        op.drop_table(name, schema=SCHEMA)
