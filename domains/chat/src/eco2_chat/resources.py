"""What lives as long as the process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from eco2_chat.answering import Answering
from eco2_chat.images import Images
from eco2_chat.places import Photos, Places
from eco2_chat.settings import Settings
from eco2_chat.store import Conversations
from eco2_service.database import Database
from eco2_service.metrics import Metrics
from eco2_service.peers import Peer
from eco2_service.probes import Check
from eco2_service.rate_limit import RateLimit
from eco2_service.redis_client import connect_redis
from eco2_waste_pipeline.cache import RedisCache
from eco2_waste_pipeline.pipeline import Pipeline
from eco2_waste_pipeline.threads import Threads

IMAGE_SECONDS: Final = 10.0
"""For a photo of some megabytes, repetitions included."""
_DAY: Final = 86_400.0
log = structlog.get_logger("eco2.chat")


@dataclass(frozen=True, slots=True)
class Resources:
    """What endpoints work with."""

    database: Database
    conversations: Conversations
    answering: Answering
    asking: RateLimit
    places: Places

    @property
    def checks(self) -> Mapping[str, Check]:
        """What must answer. Redis need not: without it nobody is held back, and every photo is looked at again."""
        return {"postgres": self.database.check}


@asynccontextmanager
async def open_resources(settings: Settings, metrics: Metrics) -> AsyncIterator[Resources]:
    """Open all; close them at the end of the block."""
    async with AsyncExitStack() as stack:
        database = Database.from_settings(settings, name="chat", metrics=metrics)
        stack.push_async_callback(database.close)
        redis = connect_redis(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        pipeline = stack.enter_context(
            Pipeline.from_settings(settings, registry=metrics.registry, cache=RedisCache.from_url(settings.redis_url))
        )
        threads = await stack.enter_async_context(Threads(settings.chat_workers, settings.chat_waiting))
        image = None
        if settings.image_url is None:
            log.warning("IMAGE_URL is not set; messages with a photo fail")
        else:
            image = Peer(
                "image", settings.image_url, token=settings.service_token, metrics=metrics, timeout=IMAGE_SECONDS
            )
            stack.push_async_callback(image.close)
        conversations = Conversations(database, kept=settings.chat_history_kept)
        answering = Answering(
            pipeline=pipeline,
            threads=threads,
            conversations=conversations,
            images=Images(image),
            photos=Photos(settings.chat_photos),
            cdn_base_url=settings.cdn_base_url,
            metrics=metrics,
        )
        # With the metrics: when Redis does not answer, questions are answered all the same, and that is counted.
        asking = RateLimit(redis, "chat", count=settings.chat_messages_per_day, seconds=_DAY, metrics=metrics)
        yield Resources(database, conversations, answering, asking, Places())
