"""The program of a domain service: serve, migrate, openapi."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final, TypeVar

import click
import orjson
from fastapi import FastAPI
from pydantic import ValidationError

from eco2_service import migrations
from eco2_service.database import DatabaseUnavailable
from eco2_service.logs import configure_logs
from eco2_service.server import serve
from eco2_service.settings import DatabaseSettings, ServiceSettings, explain

DONE: Final = 0
FAILED: Final = 1
MISUSED: Final = 2
Service = TypeVar("Service", bound=ServiceSettings)
Settings = TypeVar("Settings", bound=DatabaseSettings)


def service_cli(name: str, settings: type[Service], create_app: Callable[[Service], FastAPI]) -> click.Group:
    """The commands that every service has; a domain may add its own to the group.

    Args:
        name: of the domain; its package is ``eco2_<name>`` and its schema has its name.
    """
    package = f"eco2_{name}"

    @click.group(help=f"The domain {name} of Eco². Settings are read from the environment.")
    def main() -> None:
        pass

    @main.command("serve")
    def run() -> None:
        """Serve until SIGTERM."""
        chosen = load_settings(settings)
        configure_logs(service=name, level=chosen.log_level)
        serve(create_app(chosen), chosen)

    @main.command()
    @click.argument("direction", type=click.Choice(["up", "down", "status"]), default="up")
    @click.argument("revision", required=False)
    def migrate(direction: str, revision: str | None) -> None:
        """Bring the schema up (to head), down (to base), or show its revision."""
        url = load_settings(DatabaseSettings).database_url.get_secret_value()
        try:
            if direction == "up":
                migrations.upgrade(package, url, revision or "head")
            elif direction == "down":
                migrations.downgrade(package, url, revision or "base")
            has, newest = migrations.revisions(package, url, name)
        except DatabaseUnavailable as error:
            click.echo(f"{error.detail}", err=True)
            sys.exit(FAILED)
        click.echo(f"schema {name}: revision {has or 'none'}{'' if has == newest else f'; the newest is {newest}'}")
        sys.exit(FAILED if direction == "status" and has != newest else DONE)

    @main.command()
    def openapi() -> None:
        """Print the OpenAPI schema."""
        schema = create_app(load_settings(settings)).openapi()
        click.echo(orjson.dumps(schema, option=orjson.OPT_INDENT_2))

    return main


def load_settings(settings: type[Settings]) -> Settings:
    """Read the environment. Ends the process with a clear message when something is wrong with it."""
    try:
        return settings()
    except ValidationError as error:
        click.echo(f"The environment is not complete or not valid:\n{explain(error)}", err=True)
        sys.exit(MISUSED)
