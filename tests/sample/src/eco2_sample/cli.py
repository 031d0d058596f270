"""The command line: `serve` when nothing is said."""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Iterable
from typing import Any

import click

from eco2_sample import connecting, load, migration, misbehaviour, redis
from eco2_sample.application import Application
from eco2_sample.identity import identity
from eco2_sample.keys import load_key
from eco2_sample.server import Listening
from eco2_sample.server import serve as serve_http
from eco2_sample.tokens import Issuer

DEFAULT_ISSUER = "https://api.dev.growbin.app"


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def main(context: click.Context) -> None:
    """Stand in for a domain."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    if context.invoked_subcommand is None:
        with serve.make_context("serve", [], parent=context) as options:  # as if it had been said: with the environment
            serve.invoke(options)


@main.command()
@click.option("--host", envvar="LISTEN_HOST", default="0.0.0.0", show_default=True)  # noqa: S104  as in a pod
@click.option("--port", envvar="LISTEN_PORT", default=8000, show_default=True)
@click.option("--issuer", envvar="JWT_ISSUER", default=DEFAULT_ISSUER, show_default=True, help="Of the tokens.")
@click.option("--never-ready", is_flag=True, help="GET /ready always says 503.")
@click.option("--slow-start", default=0.0, metavar="SECONDS", help="Listen only after that time.")
def serve(host: str, port: int, issuer: str, never_ready: bool, slow_start: float) -> None:
    """Answer requests until SIGTERM."""
    application = Application(identity(os.environ), Issuer(issuer, load_key()), ready=not never_ready)
    asyncio.run(serve_http(application, Listening(host, port, after=slow_start)))


@main.command()
def crash() -> None:
    """Say a last word and exit with 3."""
    misbehaviour.crash()


@main.command()
def eat_memory() -> None:
    """Take memory until the kernel ends it."""
    misbehaviour.eat_memory()


@main.command()
@click.option("--fail", is_flag=True, help="End with an error.")
@click.option("--seconds", default=0.0, help="How long it takes.")
def migrate(fail: bool, seconds: float) -> None:
    """Stand in for a database migration."""
    raise SystemExit(migration.migrate(fail=fail, seconds=seconds))


@main.command(name="redis")
@click.option("--host", default="0.0.0.0", show_default=True)  # noqa: S104  as in a pod
@click.option("--port", default=6379, show_default=True)
def redis_server(host: str, port: int) -> None:
    """Be a Redis that keeps nothing."""
    redis.run(host, port)


@main.command()
@click.argument("host")
@click.argument("port", type=int)
@click.option("--timeout", default=3.0, show_default=True, help="Seconds.")
def connect(host: str, port: int, timeout: float) -> None:
    """Open a connection. Exit code 0: it stands; 1: refused, unreachable or no answer; 2: no such name."""
    attempt = connecting.connect(host, port, seconds=timeout)
    _print(vars(attempt))
    raise SystemExit(attempt.exit_code)


@main.command()
@click.argument("url")
@click.option("--header", "headers", multiple=True, metavar="NAME:VALUE")
@click.option("--count", type=int, help="Requests in all; 1 without --seconds.")
@click.option("--seconds", type=float, help="No request begins later.")
@click.option("--concurrency", default=1, show_default=True, help="Requests at the same time.")
@click.option("--rate", type=float, help="Requests per second in all.")
@click.option("--timeout", default=10.0, show_default=True, help="Seconds without a sign of life.")
def get(
    url: str,
    headers: tuple[str, ...],
    count: int | None,
    seconds: float | None,
    concurrency: int,
    rate: float | None,
    timeout: float,
) -> None:
    """Ask again and again, and print what came of it. Exit code 1: a request got no answer."""
    total = 1 if count is None and seconds is None else count
    plan = load.Plan(url, dict(_pairs(headers)), total, seconds, concurrency, rate, timeout)
    tally = load.load(plan)
    _print(vars(tally))
    raise SystemExit(bool(tally.errors))


def _pairs(headers: Iterable[str]) -> Iterable[tuple[str, str]]:
    for header in headers:
        name, colon, value = header.partition(":")
        if not colon:
            raise click.BadParameter(f"{header}: must be NAME:VALUE", param_hint="--header")
        yield name.strip(), value.strip()


def _print(result: dict[str, Any]) -> None:
    click.echo(json.dumps(result))
