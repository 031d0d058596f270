"""What lives as long as the process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from eco2_scan.categories import categories_of
from eco2_scan.rewards import Rewards
from eco2_scan.scanning import Scanning
from eco2_scan.settings import Settings
from eco2_scan.store import Scans
from eco2_scan.tables import tasks as table
from eco2_scan.uploads import Uploads
from eco2_scan.worker import NAME, QUEUE, open_handlers
from eco2_service.conditional import Representation
from eco2_service.database import Database
from eco2_service.loops import Loop
from eco2_service.metrics import Metrics
from eco2_service.peers import Peer
from eco2_service.probes import Check
from eco2_service.rate_limit import RateLimit
from eco2_service.redis_client import connect_redis
from eco2_tasks.service import open_tasks
from eco2_waste_rules.knowledge import load_knowledge

DAY: Final = 86_400.0
REWARD_SLACK: Final = 1.0
"""Seconds a claim of a reward lasts longer than character may take: its answer has to be written."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What endpoints work with."""

    database: Database
    redis: Redis
    scans: Scans
    scanning: Scanning
    categories: Representation
    categories_max_age: int

    @property
    def checks(self) -> Mapping[str, Check]:
        """What must answer: requests go to other pods while this one does not reach it.

        The broker need not, and neither the other domains nor the model: what is accepted waits for them.
        """
        return {"postgres": self.database.check, "redis": self.redis.ping}


@asynccontextmanager
async def open_resources(settings: Settings, metrics: Metrics) -> AsyncIterator[Resources]:
    """Open all, begin to reap tasks and to deliver rewards; end that and close all at the end of the block."""
    async with AsyncExitStack() as stack:

        def peer(name: str, url: str, *, timeout: float, attempts: int) -> Peer:
            made = Peer(name, url, token=settings.service_token, metrics=metrics, timeout=timeout, attempts=attempts)
            stack.push_async_callback(made.close)
            return made

        database = Database.from_settings(settings, name=NAME, metrics=metrics)
        stack.push_async_callback(database.close)
        redis = connect_redis(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        handlers = stack.enter_context(open_handlers(settings, metrics))
        tasks = await stack.enter_async_context(
            open_tasks(
                settings, name=NAME, queue=QUEUE, table=table, database=database, metrics=metrics, handlers=handlers
            )
        )
        rewards = Rewards(database, metrics, lease_seconds=settings.reward_seconds + REWARD_SLACK)
        # One attempt: a reward that is not given waits in the database, where every replica sees it.
        patient = peer("character", settings.character_url, timeout=settings.reward_seconds, attempts=1)
        hasty = peer("character", settings.character_url, timeout=settings.reward_first_seconds, attempts=1)
        await stack.enter_async_context(
            Loop("rewards", lambda: rewards.deliver_due(patient), interval=settings.reward_poll_seconds)
        )
        scans = Scans(database, tasks.log)
        yield Resources(
            database=database,
            redis=redis,
            scans=scans,
            scanning=Scanning(
                scans,
                Uploads(peer("image", settings.image_url, timeout=settings.image_seconds, attempts=3)),
                # With the metrics: when Redis does not answer, photos are classified all the same; that is counted.
                RateLimit(redis, "scan", count=settings.scans_per_day, seconds=DAY, metrics=metrics),
                tasks,
                rewards,
                hasty,
            ),
            # They change with releases only, so they are encoded once.
            categories=Representation.of(categories_of(load_knowledge().items.values())),
            categories_max_age=settings.categories_max_age_seconds,
        )
