"""What endpoints take: the long-lived resources, with their types."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from eco2_chat.places import Place
from eco2_chat.resources import Resources
from eco2_service.application import resources_of
from eco2_service.identity import CurrentUser


async def _resources(request: Request) -> Resources:
    resources: Resources = resources_of(request)
    return resources


TheResources = Annotated[Resources, Depends(_resources)]


async def _place(user: CurrentUser, resources: TheResources) -> AsyncIterator[Place]:
    with resources.places.take(user.user_id) as place:
        yield place


ThePlace = Annotated[Place, Depends(_place, scope="request")]
"""Until its answer is sent, streams included, and its thread has ended, the user has one place less."""
