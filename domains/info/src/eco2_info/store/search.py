"""The search index, and what is found in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from sqlalchemy import (
    BindParameter,
    Float,
    Numeric,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    column,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, REAL, TSQUERY, TSVECTOR
from sqlalchemy.ext.asyncio import AsyncConnection

from eco2_info.documents import Document
from eco2_info.tables import articles_version, documents, generations, terms
from eco2_info.tsvector import quoted
from eco2_service.locks import wait_for_lock

WEIGHTS: Final = (0.2, 0.3, 0.5, 1.0)
"""What a token counts for in a text, in (nothing), among the names of a thing, in a title: D, C, B, A."""
SHARE: Final = 0.15
"""What says less than this share of what the best hit says is no hit. A word in a text is one beside the same word in a
title; one of three words in a text is none beside all of them."""
_SCORE: Final = Numeric(12, 6)
_BATCH: Final = 500
"""Documents that are written by one statement, which has a time limit."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a hit stands in the list: they are sorted by it, the highest score first."""

    score: Decimal
    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Found:
    """A hit, and where it stands."""

    place: Place
    kind: Literal["article", "rule"]
    id: str
    title: str
    category: str
    text: str
    verified: bool


# The index


async def is_up_to_date(connection: AsyncConnection, name: str, *, used_within: timedelta) -> bool:
    """Whether a generation is there, has the newest articles, and was said to be in use not long ago."""
    statement = (
        select(generations.c.name)
        .join(articles_version, articles_version.c.version == generations.c.articles_version)
        .where(generations.c.name == name, generations.c.used_at > func.now() - used_within)
    )
    return (await connection.execute(statement)).one_or_none() is not None


async def lock_index(connection: AsyncConnection) -> None:
    """Let one build at a time, until this transaction ends. Raises DatabaseUnavailable when that takes too long."""
    await connection.execute(wait_for_lock("info", "search"))


async def begin_generation(connection: AsyncConnection, name: str, version: int) -> bool:
    """Say that a generation is in use. Returns whether it has to be built, and leaves nothing of an older one then."""
    is_used = update(generations).where(generations.c.name == name, generations.c.articles_version == version)
    if (await connection.execute(is_used.values(used_at=func.now()))).rowcount:
        return False
    await connection.execute(delete(generations).where(generations.c.name == name))
    return True


async def write(
    connection: AsyncConnection,
    name: str,
    version: int,
    new: Sequence[Document],
    found_in: Mapping[str, int],
) -> None:
    """Write a generation that is not there.

    Args:
        version: of the articles that are in it.
        found_in: in how many documents each token is.
    """
    await connection.execute(insert(generations).values(name=name, articles_version=version, documents=len(new)))
    if not new:
        return
    statement = insert(documents).values(tokens=cast(bindparam("vector", type_=Text), TSVECTOR))
    for start in range(0, len(new), _BATCH):
        batch = new[start : start + _BATCH]
        await connection.execute(statement, [{"generation": name, **_row(document)} for document in batch])
    rows = func.unnest(_texts("tokens", list(found_in)), cast(list(found_in.values()), ARRAY(terms.c.documents.type)))
    values = rows.table_valued("token", "documents").render_derived()
    columns = ["generation", "token", "documents"]
    chosen = select(literal(name), values.c.token, values.c.documents)
    await connection.execute(insert(terms).from_select(columns, chosen))


def _row(document: Document) -> dict[str, Any]:
    names = ("kind", "id", "title", "category", "text", "verified", "vector")
    return {name: getattr(document, name) for name in names}


async def delete_unused(connection: AsyncConnection, *, older_than: timedelta) -> None:
    """Delete generations that nobody has used for so long."""
    await connection.execute(delete(generations).where(generations.c.used_at < func.now() - older_than))


# What is found


async def found_in(connection: AsyncConnection, name: str, tokens: Sequence[str]) -> tuple[int, dict[str, int]]:
    """How many documents a generation has, and in how many of them each token is; those in none are left out."""
    statement = (
        select(generations.c.documents, terms.c.token, terms.c.documents)
        .join(terms, (terms.c.generation == generations.c.name) & (terms.c.token == func.any(_texts("tokens", tokens))))
        .where(generations.c.name == name)
    )
    rows = (await connection.execute(statement)).all()
    return (rows[0][0] if rows else 0), {token: count for _, token, count in rows}


async def hits(
    connection: AsyncConnection, name: str, weights: Mapping[str, float], *, after: Place | None, limit: int
) -> list[Found]:
    """Documents that have one of the tokens, those first that say most.

    Args:
        weights: at least one token, and how much each says.
        after: the place of the last one that is known.
    """
    rows = await connection.execute(hits_statement(name, weights, after=after, limit=limit))
    return [
        Found(Place(row.score, row.kind, row.id), row.kind, row.id, row.title, row.category, row.text, row.verified)
        for row in rows
    ]


def hits_statement(
    name: str, weights: Mapping[str, float], *, after: Place | None, limit: int
) -> Select[tuple[Any, ...]]:
    """The statement of `hits`; a test asks for its plan."""
    scored = _scored(name, weights).cte("scored")
    least = select(func.max(scored.c.score) * SHARE).scalar_subquery()
    statement = (
        select(scored.c.score, *(documents.c[key] for key in ("kind", "id", "title", "category", "text", "verified")))
        .join(documents, and_(documents.c.kind == scored.c.kind, documents.c.id == scored.c.id))
        .where(documents.c.generation == name, scored.c.score >= least)
    )
    if after is not None:
        score = literal(after.score, _SCORE)
        behind = tuple_(scored.c.kind, scored.c.id) > tuple_(literal(after.kind), literal(after.id))
        statement = statement.where(or_(scored.c.score < score, (scored.c.score == score) & behind))
    return statement.order_by(scored.c.score.desc(), scored.c.kind, scored.c.id).limit(limit)


def _scored(name: str, weights: Mapping[str, float]) -> Select[tuple[Any, ...]]:
    """All documents with one of the tokens: the sum of what each token says, by the best place it stands at."""
    queries = [quoted(token) for token in weights]
    asked = func.unnest(_texts("queries", queries), cast(list(weights.values()), ARRAY(Float)))
    token = asked.table_valued(column("query", Text), column("weight", Float), name="asked").render_derived()
    rank = func.ts_rank(cast(list(WEIGHTS), ARRAY(REAL)), documents.c.tokens, cast(token.c.query, TSQUERY))
    score = select(func.sum(token.c.weight * rank)).scalar_subquery()
    any_of_them = cast(bindparam("any", " | ".join(queries), type_=Text), TSQUERY)
    return select(documents.c.kind, documents.c.id, cast(score, _SCORE).label("score")).where(
        documents.c.generation == name, documents.c.tokens.op("@@")(any_of_them)
    )


def _texts(name: str, values: Sequence[str]) -> BindParameter[Sequence[str]]:
    return bindparam(name, list(values), type_=ARRAY(Text))
