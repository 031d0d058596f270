"""The first articles: those of data/articles.yaml. What changes later is an import.

The file belongs to this step and stays as it is: databases that have taken the step would not notice an edit.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from typing import Any

import sqlalchemy as sa
import yaml
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SCHEMA = "info"
_articles = sa.table(
    "articles",
    *(sa.column(name) for name in ("id", "title", "summary", "category", "body")),
    sa.column("tags", ARRAY(sa.Text)),
    sa.column("sources", JSONB),
    sa.column("verified", sa.Boolean),
    sa.column("published_on", sa.Date),
    schema=SCHEMA,
)
_version = sa.table("articles_version", sa.column("version", sa.BigInteger), schema=SCHEMA)


def _seed() -> list[dict[str, Any]]:
    """As `eco2-info import` would write them; a step that has run must not change with the program."""
    data = files("eco2_info").joinpath("data/articles.yaml").read_text("utf-8")
    return [_values(article) for article in yaml.load(data, yaml.BaseLoader)]  # noqa: S506 - makes texts alone


def _values(article: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: _line(article[name]) for name in ("id", "title", "summary", "category")},
        "tags": [_line(tag) for tag in article["tags"]],
        "body": unicodedata.normalize("NFC", article["body"]).strip(),
        "sources": [
            {name: _line(value) for name, value in source.items()} | {"verified": source.get("verified") == "true"}
            for source in article["sources"]
        ],
        "verified": article.get("verified") == "true",
        "published_on": date.fromisoformat(article["published_on"]),
    }


def _line(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def upgrade() -> None:
    """Add the articles; what is there already stays as it is."""
    for values in _seed():
        op.execute(insert(_articles).values(values).on_conflict_do_nothing())
    op.execute(sa.update(_version).values(version=_version.c.version + 1))


def downgrade() -> None:
    """Take them away."""
    op.execute(sa.delete(_articles).where(_articles.c.id.in_([values["id"] for values in _seed()])))
    op.execute(sa.update(_version).values(version=_version.c.version + 1))
