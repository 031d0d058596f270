"""The tables of the schema `info`. What changes them is a migration."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

metadata: Final = MetaData(schema="info")


def _now(name: str) -> Column[datetime]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


articles: Final = Table(
    "articles",
    metadata,
    Column("id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("tags", ARRAY(Text), nullable=False),
    Column("body", Text, nullable=False),
    Column("sources", JSONB, nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("published_on", Date, nullable=False),
)
"""What the last import left. Rules are not in the database: they come with the program."""

Index("articles_by_time", articles.c.published_on, articles.c.id)

articles_version: Final = Table(
    "articles_version",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False, server_default=text("1")),
    Column("version", BigInteger, nullable=False),
    _now("changed_at"),
    CheckConstraint("id = 1", name="articles_version_one_row"),
)
"""One row; every import that changes the articles counts it up."""

generations: Final = Table(
    "search_generations",
    metadata,
    Column("name", Text, primary_key=True),
    Column("articles_version", BigInteger, nullable=False),
    Column("documents", Integer, nullable=False),
    _now("used_at"),
)
"""A search index for each version of the rules and of the tokenizer that is in use; see `search_index`."""


def _generation() -> Column[str]:
    reference = ForeignKey(generations.c.name, ondelete="CASCADE")
    return Column("generation", Text, reference, primary_key=True)


documents: Final = Table(
    "search_documents",
    metadata,
    _generation(),
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("tokens", TSVECTOR, nullable=False),
)
"""What can be found: articles and rules alike. `text` is what snippets are cut from."""

Index(
    "search_documents_tokens",
    documents.c.tokens,
    postgresql_using="gin",
    postgresql_with={"fastupdate": "off"},  # written seldom, read often: no list of what is still to be sorted in
)

terms: Final = Table(
    "search_terms",
    metadata,
    _generation(),
    Column("token", Text, primary_key=True),
    Column("documents", Integer, nullable=False),
)
"""In how many documents of a generation a token is: what is rare says more."""
