"""The application: the domain's routers in what all services have."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI

from eco2_image.resources import open_resources
from eco2_image.routers import internal, uploads
from eco2_image.settings import Settings
from eco2_service.application import create_app as create_service


def create_app(settings: Settings) -> FastAPI:
    """Make the application; what it needs is opened when it starts."""
    return create_service(
        name="image",
        title="Eco² image",
        prefix=uploads.PREFIX,
        version=version("eco2-image"),
        settings=settings,
        routers=[uploads.router, internal.router],
        resources=lambda metrics: open_resources(settings, metrics),
        description="Uploads of photos: signed, checked, cleaned.",
    )
