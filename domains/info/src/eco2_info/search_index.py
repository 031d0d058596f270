"""The search index: brought up to the articles and rules by whoever searches.

Rules and the tokenizer come with the program, articles with imports. So the index has generations: a program searches
only the one that is named after its own rules and its own way to cut and weigh texts, and builds it when it is not
there, or is older than the articles. Nothing else has to happen at an upgrade: while old and new programs run side by
side each has its own, a program that is rolled back finds or builds the one it had, and no order of starts leaves the
wrong one behind. (A migration would write the rules once for each new image, and not again when the image is rolled
back; a single index that each process rewrites at its start would be left to whichever started last.)
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache
from importlib import resources
from typing import Final

import structlog

from eco2_info.documents import Document, document_of_article
from eco2_info.entry import Entry
from eco2_info.store import articles, search
from eco2_service.database import Database, DatabaseUnavailable

FRESH: Final = timedelta(hours=1)
"""A generation that is used says so again after this time."""
OLD: Final = timedelta(days=1)
"""A generation that was not used for this time is deleted; who needs it after all builds it again."""
_DECIDING: Final = (("eco2_waste_rules", "tokens.py"), ("eco2_info", "tsvector.py"), ("eco2_info", "documents.py"))
"""The modules that decide what stands in the index for an article or a rule."""
log = structlog.get_logger("eco2.search")


class SearchIndex:
    """The generation of this program.

    Args:
        rules: as documents; with the articles they are all that can be found.
        check_seconds: how old the answer may be at least before the database is asked again whether it is up to date.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        database: Database,
        rules: Sequence[Document],
        *,
        check_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.generation: Final = generation_of(rules, deciding_code())
        self._database = database
        self._rules = rules
        self._check_seconds = check_seconds
        self._clock = clock
        self._checked_at = float("-inf")
        self._failures = 0
        self._asking = asyncio.Lock()

    async def bring_up(self) -> None:
        """Have the index as new as the articles were `check_seconds` ago.

        Raises:
            DatabaseUnavailable: it may be older, or not there.
        """
        if self._is_fresh():
            return
        failures = self._failures
        async with self._asking:
            if self._failures != failures:
                raise DatabaseUnavailable  # to those before us; one after the other we would wait for ever
            if self._is_fresh():
                return
            try:
                await self._bring_up()
            except DatabaseUnavailable:
                self._failures += 1
                raise
            self._checked_at = self._clock()

    def _is_fresh(self) -> bool:
        return self._clock() - self._checked_at < self._check_seconds

    async def _bring_up(self) -> None:
        async with self._database.read() as connection:
            if await search.is_up_to_date(connection, self.generation, used_within=FRESH):
                return
        async with self._database.begin() as connection:
            await search.lock_index(connection)
            # The version first, and in its own statement: articles that are newer only mean that they are read again.
            version = await articles.version(connection)
            if await search.begin_generation(connection, self.generation, version):
                documents = [*self._rules, *await self._articles(await articles.entries(connection))]
                terms = Counter(term for document in documents for term in document.terms)
                await search.write(connection, self.generation, version, documents, terms)
                log.info("search index built", documents=len(documents), terms=len(terms), articles_version=version)
            await search.delete_unused(connection, older_than=OLD)

    async def _articles(self, entries: Sequence[Entry]) -> list[Document]:
        """Beside the event loop: a thousand articles take a second."""
        return await asyncio.to_thread(lambda: [document_of_article(entry) for entry in entries])


@cache
def deciding_code() -> tuple[bytes, ...]:
    """The source of the modules that decide what stands in the index."""
    return tuple(resources.files(package).joinpath(name).read_bytes() for package, name in _DECIDING)


def generation_of(rules: Sequence[Document], code: Sequence[bytes]) -> str:
    """Names the rules together with the code that makes documents.

    The code too: another tokenizer may leave all rules as they are, and find other tokens in articles.

    Args:
        code: of the modules that decide what stands in the index. A changed comment is a new generation too, which
            costs a build.
    """
    digest = hashlib.sha256()
    for source in code:
        digest.update(hashlib.sha256(source).digest())
    for rule in sorted(rules, key=lambda rule: rule.id):
        digest.update("\x1f".join([rule.id, rule.title, rule.category, rule.text, str(rule.verified)]).encode())
        digest.update(f"\x1e{rule.vector}\x1d".encode())
    return digest.hexdigest()[:32]
