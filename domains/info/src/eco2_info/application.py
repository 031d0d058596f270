"""The application: the domain's routers in what all services have."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI

from eco2_info.resources import open_resources
from eco2_info.routers import PREFIX, articles, rules, search
from eco2_info.settings import Settings
from eco2_service.application import create_app as create_service


def create_app(settings: Settings) -> FastAPI:
    """Make the application; what it needs is opened when it starts."""
    return create_service(
        name="info",
        title="Eco² info",
        prefix=PREFIX,
        version=version("eco2-info"),
        settings=settings,
        routers=[articles.router, rules.router, search.router],
        resources=lambda metrics: open_resources(settings, metrics),
        description="Articles and rules about sorting waste, and finding them.",
    )
