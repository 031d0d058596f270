"""What lives as long as the process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from eco2_info.rules import Rules
from eco2_info.searching import Search
from eco2_info.settings import Settings
from eco2_service.database import Database
from eco2_service.metrics import Metrics
from eco2_service.probes import Check
from eco2_waste_rules.knowledge import load_knowledge


@dataclass(frozen=True, slots=True)
class Resources:
    """The database, the rules, and the search over both."""

    database: Database
    rules: Rules
    search: Search

    @property
    def checks(self) -> Mapping[str, Check]:
        """What must answer. Redis is not there: nothing of this domain is in it."""
        return {"postgres": self.database.check}


@asynccontextmanager
async def open_resources(settings: Settings, metrics: Metrics) -> AsyncIterator[Resources]:
    """Open all; close them at the end of the block."""
    rules = Rules(load_knowledge())
    database = Database.from_settings(settings, name="info", metrics=metrics)
    try:
        search = Search(database, rules.documents, check_seconds=settings.index_check_seconds)
        yield Resources(database, rules, search)
    finally:
        await database.close()
