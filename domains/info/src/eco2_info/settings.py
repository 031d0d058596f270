"""The environment of the service."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from eco2_service.settings import ServiceSettings


class Settings(ServiceSettings):
    """What all services read, and two times.

    Args:
        index_check_seconds: how long after an import the search may still answer from the articles before it, at most.
        info_max_age_seconds: how long a client may show what it has without asking.
    """

    index_check_seconds: Annotated[float, Field(ge=0, le=300)] = 2.0
    info_max_age_seconds: Annotated[int, Field(ge=0, le=86400)] = 60
