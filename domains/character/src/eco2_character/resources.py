"""What lives as long as the process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from eco2_character.catalogue import Catalogue
from eco2_character.rewards import Rewards
from eco2_character.settings import Settings
from eco2_service.database import Database
from eco2_service.metrics import Metrics
from eco2_service.probes import Check


@dataclass(frozen=True, slots=True)
class Resources:
    """The database, and what works on it."""

    database: Database
    catalogue: Catalogue
    rewards: Rewards

    @property
    def checks(self) -> Mapping[str, Check]:
        """What must answer. Redis is not there: nothing of this domain is in it."""
        return {"postgres": self.database.check}


@asynccontextmanager
async def open_resources(settings: Settings, metrics: Metrics) -> AsyncIterator[Resources]:
    """Open all; close them at the end of the block."""
    database = Database.from_settings(settings, name="character", metrics=metrics)
    try:
        yield Resources(
            database=database,
            catalogue=Catalogue(database, check_seconds=settings.catalogue_check_seconds),
            rewards=Rewards(database, metrics),
        )
    finally:
        await database.close()
