"""Finding articles and rules."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from eco2_info.documents import Document
from eco2_info.ranking import weights
from eco2_info.schemas import SearchHit
from eco2_info.search_index import SearchIndex
from eco2_info.snippets import snippet
from eco2_info.store import search
from eco2_info.tsvector import asked_tokens
from eco2_service.database import Database


class Search:
    """The search over articles and rules.

    Args:
        rules: as documents.
        check_seconds: how long after an import it may still answer from the articles before it.
    """

    def __init__(self, database: Database, rules: Sequence[Document], *, check_seconds: float) -> None:
        self._database = database
        self._index = SearchIndex(database, rules, check_seconds=check_seconds)

    async def find(
        self, question: str, *, after: search.Place | None, limit: int
    ) -> tuple[list[SearchHit], search.Place | None]:
        """What says most about a question first; and the place of the last one, when there are more.

        Args:
            question: as somebody types it.
            after: the place of the last one that is known.

        Raises:
            DatabaseUnavailable.
        """
        asked = await asyncio.to_thread(asked_tokens, question)
        await self._index.bring_up()
        async with self._database.read() as connection:
            documents, found_in = await search.found_in(connection, self._index.generation, asked)
            if not found_in:
                return [], None
            said = weights(found_in, documents)
            found = await search.hits(connection, self._index.generation, said, after=after, limit=limit + 1)
        hits = await asyncio.to_thread(_hits, found[:limit], said)  # a page of long articles takes a while
        return hits, found[limit - 1].place if len(found) > limit else None


def _hits(found: Sequence[search.Found], said: Mapping[str, float]) -> list[SearchHit]:
    return [
        SearchHit(
            kind=hit.kind,
            id=hit.id,
            title=hit.title,
            category=hit.category,
            snippet=snippet(hit.text, said),
            verified=hit.verified,
        )
        for hit in found
    ]
