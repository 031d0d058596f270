"""The environment of the service and of its worker."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from eco2_service.settings import Address
from eco2_tasks.settings import TasksSettings
from eco2_waste_pipeline.settings import PipelineSettings

_Seconds = Annotated[float, Field(gt=0, le=300)]


class WorkerSettings(TasksSettings, PipelineSettings):
    """What tasks and the pipeline need, and where the images are.

    Args:
        image_url: of the domain image, such as ``http://image.image.svc.cluster.local``.
        image_seconds: how long image may take to say whose an upload is, and likewise to send it.
    """

    image_url: Address
    image_seconds: _Seconds = 10.0

    @model_validator(mode="after")
    def _lease_outlasts_the_work(self) -> Self:
        longest = self.image_seconds + self.pipeline_timeout_seconds
        if self.task_lease_seconds <= longest:
            raise ValueError(
                f"TASK_LEASE_SECONDS must be more than IMAGE_SECONDS and PIPELINE_TIMEOUT_SECONDS: {longest:g}"
            )
        return self


class Settings(WorkerSettings):
    """The service's: it does tasks too, and it alone asks for rewards.

    Args:
        character_url: of the domain character.
        scans_per_day: how many a user may ask for; as many may come at once.
        reward_seconds: how long character may take for a reward.
        reward_first_seconds: likewise while the user waits for it.
        reward_poll_seconds: how often a replica looks for rewards that wait.
        categories_max_age_seconds: how long a client may show the categories that it has without asking.
    """

    character_url: Address
    scans_per_day: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    reward_seconds: _Seconds = 5.0
    reward_first_seconds: _Seconds = 1.0
    reward_poll_seconds: _Seconds = 1.0
    categories_max_age_seconds: Annotated[int, Field(ge=0, le=86400)] = 3600
