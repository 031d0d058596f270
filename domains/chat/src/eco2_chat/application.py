"""The application: the domain's routers in what all services have."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI

from eco2_chat.resources import open_resources
from eco2_chat.routers import chat, history, internal
from eco2_chat.settings import Settings
from eco2_service.application import create_app as create_service


def create_app(settings: Settings) -> FastAPI:
    """Make the application; what it needs is opened when it starts."""
    return create_service(
        name="chat",
        title="Eco² chat",
        prefix=chat.PREFIX,
        version=version("eco2-chat"),
        settings=settings,
        routers=[chat.router, history.router, internal.router],
        resources=lambda metrics: open_resources(settings, metrics),
        description="Questions about waste, in words or by photo, and the conversation so far.",
    )
