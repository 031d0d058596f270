"""The application: the domain's routers in what all services have."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI

from eco2_scan.resources import open_resources
from eco2_scan.routers import categories, classify, internal
from eco2_scan.settings import Settings
from eco2_service.application import create_app as create_service


def create_app(settings: Settings) -> FastAPI:
    """Make the application; what it needs is opened when it starts."""
    return create_service(
        name="scan",
        title="Eco² scan",
        prefix=classify.PREFIX,
        version=version("eco2-scan"),
        settings=settings,
        routers=[classify.router, categories.router, internal.router],
        resources=lambda metrics: open_resources(settings, metrics),
        description="Classifying waste by photo: what it is, how it is discarded, and which character it earns.",
    )
