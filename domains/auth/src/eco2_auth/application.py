"""The service."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI

from eco2_auth.cookies import PREFIX
from eco2_auth.resources import open_resources
from eco2_auth.routers import internal, keys, login, sessions
from eco2_auth.settings import Settings
from eco2_service.application import create_app as create_service


def create_app(settings: Settings) -> FastAPI:
    """The application of auth."""
    return create_service(
        name="auth",
        title="Eco² auth",
        description="Accounts, login with Google, Kakao and Naver, and the tokens that the gateway checks.",
        prefix=PREFIX,
        version=version("eco2-auth"),
        settings=settings,
        routers=[login.router, sessions.router, keys.router, internal.router],
        resources=open_resources(settings),
    )
