"""The application: the domain's routers in what all services have."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI

from eco2_my.resources import open_resources
from eco2_my.routers import internal, me
from eco2_my.settings import Settings
from eco2_service.application import create_app as create_service


def create_app(settings: Settings) -> FastAPI:
    """Make the application; what it needs is opened when it starts."""
    return create_service(
        name="my",
        title="Eco² my",
        prefix=me.PREFIX,
        version=version("eco2-my"),
        settings=settings,
        routers=[me.router, internal.router],
        resources=lambda metrics: open_resources(settings, metrics),
        description="The signed-in user: profile, accounts, owned characters, deletion.",
    )
