"""The command ``eco2-authz``."""

import sys
from typing import Final

import click

from eco2_authz.errors import SettingsError

CANNOT_TELL: Final = 2
_STANDARD_INPUT: Final = "-"
_LONGEST: Final = 65_536


@click.command(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Settings are environment variables. Exit codes: 0 ended as told, or the token would be accepted; 1 it "
    "would be refused; 2 wrong usage or settings, or it cannot be told.",
)
@click.option(
    "--explain",
    "token",
    metavar="TOKEN",
    help="Say whether a token would be accepted, and why not, by the same settings. '-' reads it from standard input: "
    "other users of this machine can see the arguments of a command.",
)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to print that.")
@click.version_option(package_name="eco2-authz", message="eco2-authz %(version)s")
def command(token: str | None, output: str) -> None:
    """Answer Envoy's questions whether a request may pass."""
    try:
        if token is None:
            _serve()
        else:
            sys.exit(_explain(sys.stdin.read(_LONGEST) if token == _STANDARD_INPUT else token, output))
    except SettingsError as error:
        for line in str(error).splitlines():
            click.echo(f"eco2-authz: {line}", err=True)
        sys.exit(CANNOT_TELL)


def _serve() -> None:
    from eco2_authz import app, settings

    try:
        app.run(settings.load())
    except OSError as error:
        click.echo(f"eco2-authz: cannot start: {error}", err=True)
        sys.exit(CANNOT_TELL)


def _explain(token: str, output: str) -> int:
    from eco2_authz import explaining, settings

    explained = explaining.look_into(token.strip(), settings.load())
    explaining.PRINTERS[output](explained)
    return explained.exit_code


def main() -> None:
    """Entry point of the console script."""
    command(prog_name="eco2-authz")
