"""The application: the domain's routers in what all services have."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI

from eco2_character.resources import open_resources
from eco2_character.routers import catalogue, internal
from eco2_character.settings import Settings
from eco2_service.application import create_app as create_service


def create_app(settings: Settings) -> FastAPI:
    """Make the application; what it needs is opened when it starts."""
    return create_service(
        name="character",
        title="Eco² character",
        prefix="/api/v1/character",
        version=version("eco2-character"),
        settings=settings,
        routers=[catalogue.router, internal.router],
        resources=lambda metrics: open_resources(settings, metrics),
        description="The characters that users collect by sorting waste: the catalogue, and who owns which.",
    )
