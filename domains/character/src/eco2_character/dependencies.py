"""What endpoints take: the long-lived resources, with their types."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from eco2_character.catalogue import Catalogue
from eco2_character.resources import Resources
from eco2_character.rewards import Rewards
from eco2_service.application import resources_of
from eco2_service.database import Database


async def _database(request: Request) -> Database:
    resources: Resources = resources_of(request)
    return resources.database


def the_catalogue(request: Request) -> Catalogue:
    """Called in a handler it costs nothing; as a dependency it would cost each request 12 µs."""
    resources: Resources = resources_of(request)
    return resources.catalogue


async def _rewards(request: Request) -> Rewards:
    resources: Resources = resources_of(request)
    return resources.rewards


TheDatabase = Annotated[Database, Depends(_database)]
TheRewards = Annotated[Rewards, Depends(_rewards)]
