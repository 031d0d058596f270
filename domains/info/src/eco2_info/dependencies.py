"""What endpoints take: the long-lived resources and the settings, with their types."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from eco2_info.resources import Resources
from eco2_info.settings import Settings
from eco2_service.application import resources_of


async def _resources(request: Request) -> Resources:
    resources: Resources = resources_of(request)
    return resources


async def _max_age(request: Request) -> int:
    settings: Settings = request.app.state.settings
    return settings.info_max_age_seconds


TheResources = Annotated[Resources, Depends(_resources)]
MaxAge = Annotated[int, Depends(_max_age)]
"""How long a client may show an answer without asking, in seconds."""
