"""What endpoints take: the long-lived resources, with their types."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from eco2_image.resources import Resources
from eco2_service.application import resources_of


async def _resources(request: Request) -> Resources:
    resources: Resources = resources_of(request)
    return resources


TheResources = Annotated[Resources, Depends(_resources)]
