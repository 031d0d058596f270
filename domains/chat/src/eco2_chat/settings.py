"""The environment of the service."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from eco2_service.settings import Address, ServiceSettings
from eco2_waste_pipeline.settings import PipelineSettings


class Settings(ServiceSettings, PipelineSettings):
    """What all services read, what the pipeline reads, and what is chat's own.

    Args:
        cdn_base_url: where users' images are found, such as ``https://images.growbin.app``. An address of that host in
            a message may be a photo; without it an `image_id` alone is one.
        image_url: such as ``http://image.image.svc.cluster.local``. Without it every message with a photo fails.
        chat_messages_per_day: how many a user may send.
        chat_history_kept: questions with their answers, of each user; older ones are deleted.
        chat_workers: runs of the pipeline at once, in this process.
        chat_waiting: runs that may wait for one of those to end; who comes then is asked to come back.
        chat_photos: photos that are read or looked at at once, in this process: what they need of memory, together.
    """

    cdn_base_url: Address | None = None
    image_url: Address | None = None
    chat_messages_per_day: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    chat_history_kept: Annotated[int, Field(ge=1, le=10_000)] = 200
    chat_workers: Annotated[int, Field(ge=1, le=256)] = 32
    chat_waiting: Annotated[int, Field(ge=0, le=1024)] = 64
    chat_photos: Annotated[int, Field(ge=1, le=256)] = 8
