"""The application: the domain's routers in what all services have."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI

from eco2_location.resources import open_resources
from eco2_location.routers import places
from eco2_location.settings import Settings
from eco2_service.application import create_app as create_service


def create_app(settings: Settings) -> FastAPI:
    """Make the application; what it needs is opened when it starts."""
    return create_service(
        name="location",
        title="Eco² location",
        prefix=places.PREFIX,
        version=version("eco2-location"),
        settings=settings,
        routers=[places.router],
        resources=lambda metrics: open_resources(settings, metrics),
        description="Collection boxes and zero-waste shops: near a point, in a box of the map, by category.",
    )
