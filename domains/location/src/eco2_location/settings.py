"""The environment of the service."""

from __future__ import annotations

from eco2_service.settings import ServiceSettings


class Settings(ServiceSettings):
    """What all services read, and nothing else."""
