"""What lives as long as the process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from eco2_my.characters import Characters
from eco2_my.deleting import Deleting
from eco2_my.deletion_store import Deletions
from eco2_my.settings import Settings
from eco2_my.store import Users
from eco2_service.database import Database
from eco2_service.loops import Loop
from eco2_service.metrics import Metrics
from eco2_service.peers import Peer
from eco2_service.probes import Check

log = structlog.get_logger("eco2.my")


@dataclass(frozen=True, slots=True)
class Resources:
    """What endpoints work with, and the loop that deletes."""

    database: Database
    users: Users
    deletions: Deletions
    characters: Characters
    deleting: Loop

    @property
    def checks(self) -> Mapping[str, Check]:
        """What must answer. The other domains need not: without them answers are partial, and deletions wait."""
        return {"postgres": self.database.check}


@asynccontextmanager
async def open_resources(settings: Settings, metrics: Metrics) -> AsyncIterator[Resources]:
    """Open all and begin to delete; end it and close all at the end of the block."""
    async with AsyncExitStack() as stack:

        def peer(name: str, url: str, *, timeout: float, attempts: int) -> Peer:
            made = Peer(name, url, token=settings.service_token, metrics=metrics, timeout=timeout, attempts=attempts)
            stack.push_async_callback(made.close)
            return made

        database = Database.from_settings(settings, name="my", metrics=metrics)
        stack.push_async_callback(database.close)
        deletions = Deletions(database)
        # One attempt: a deletion that failed waits in the database, where every replica sees it.
        domains = {
            name: peer(name, url, timeout=settings.deletion_call_seconds, attempts=1)
            for name, url in settings.domain_urls.items()
            if url is not None
        }
        if missing := sorted(settings.domain_urls.keys() - domains):
            log.warning("domains without a URL; deletions of users skip them", domains=missing)
        deleting = Deleting(
            deletions,
            domains,
            metrics,
            call_seconds=settings.deletion_call_seconds,
            pause=settings.deletion_pause_seconds,
        )
        loop = Loop("deletions", deleting.run_once, interval=settings.deletion_poll_seconds)
        url = settings.character_url
        character = None if url is None else peer("character", url, timeout=2.0, attempts=3)
        await stack.enter_async_context(loop)
        yield Resources(database, Users(database), deletions, Characters(character), loop)
