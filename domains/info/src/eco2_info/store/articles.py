"""Articles."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import RowMapping, delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from eco2_info.entry import Entry
from eco2_info.errors import Busy
from eco2_info.schemas import Article, ArticleCard
from eco2_info.tables import articles, articles_version
from eco2_service.locks import wait_for_lock

_CARD: Final = tuple(articles.c[name] for name in ArticleCard.model_fields)
_ALL: Final = tuple(articles.c[name] for name in Article.model_fields)


async def page(
    connection: AsyncConnection,
    *,
    category: str | None,
    tag: str | None,
    after: tuple[date, str] | None,
    limit: int,
) -> list[ArticleCard]:
    """Articles, newest first.

    Args:
        after: day and id of the last one that is known.
    """
    statement = select(*_CARD)
    if category is not None:
        statement = statement.where(articles.c.category == category)
    if tag is not None:
        statement = statement.where(articles.c.tags.contains([tag]))
    if after is not None:
        statement = statement.where(tuple_(articles.c.published_on, articles.c.id) < after)
    statement = statement.order_by(articles.c.published_on.desc(), articles.c.id.desc()).limit(limit)
    return [ArticleCard.model_validate(row) for row in (await connection.execute(statement)).mappings()]


async def read(connection: AsyncConnection, article_id: str) -> Article | None:
    """One article; None when there is none with this id."""
    row = (await connection.execute(select(*_ALL).where(articles.c.id == article_id))).mappings().one_or_none()
    return None if row is None else Article.model_validate(row)


async def entries(connection: AsyncConnection) -> list[Entry]:
    """All articles, as a file would have them."""
    return [_entry(row) for row in (await connection.execute(select(*_ALL))).mappings()]


def _entry(row: RowMapping) -> Entry:
    return Entry.model_validate(dict(row))


async def version(connection: AsyncConnection) -> int:
    """The articles' version; another one means other articles."""
    found: int = (await connection.execute(select(articles_version.c.version))).scalar_one()
    return found


async def lock_import(connection: AsyncConnection) -> None:
    """Wait until no other import runs, and keep others waiting until this transaction ends. Raises Busy."""
    try:
        await connection.execute(wait_for_lock("info", "import"))
    except TimeoutError as error:
        raise Busy from error


async def put(connection: AsyncConnection, new: Sequence[Entry]) -> None:
    """Write articles: new ones, and changed ones."""
    statement = insert(articles)
    columns = [column.name for column in _ALL if column.name != "id"]
    statement = statement.on_conflict_do_update(
        index_elements=[articles.c.id], set_={name: statement.excluded[name] for name in columns}
    )
    await connection.execute(statement, [_values(entry) for entry in new])


def _values(entry: Entry) -> dict[str, Any]:
    return entry.model_dump(exclude={"sources", "tags"}) | {
        "tags": list(entry.tags),
        "sources": [source.model_dump(exclude_none=True) for source in entry.sources],
    }


async def remove(connection: AsyncConnection, ids: Sequence[str]) -> None:
    """Delete articles."""
    await connection.execute(delete(articles).where(articles.c.id.in_(ids)))


async def count_version_up(connection: AsyncConnection) -> None:
    """Say that the articles have changed."""
    values = {"version": articles_version.c.version + 1, "changed_at": func.now()}
    await connection.execute(update(articles_version).values(values))
