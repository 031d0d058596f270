"""What lives as long as the process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from eco2_location.nearby import Nearby
from eco2_location.settings import Settings
from eco2_service.database import Database
from eco2_service.metrics import Metrics
from eco2_service.probes import Check


@dataclass(frozen=True, slots=True)
class Resources:
    """The database, and what works on it."""

    database: Database
    nearby: Nearby

    @property
    def checks(self) -> Mapping[str, Check]:
        """What must answer. Redis is not there: nothing of this domain is in it."""
        return {"postgres": self.database.check}


@asynccontextmanager
async def open_resources(settings: Settings, metrics: Metrics) -> AsyncIterator[Resources]:
    """Open all; close them at the end of the block."""
    database = Database.from_settings(settings, name="location", metrics=metrics)
    try:
        yield Resources(database, Nearby(database))
    finally:
        await database.close()
