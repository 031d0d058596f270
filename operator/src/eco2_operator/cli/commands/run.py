"""``eco2 run``: the operator itself."""

import sys

import click


@click.command("run")
def command() -> None:
    """Run the operator.

    Its settings are the ECO2_* environment variables. It ends on SIGTERM or SIGINT.
    """
    from eco2_operator.cli.configuration import load_settings

    chosen = load_settings()

    # kopf loads the official client if there is one, for two type checks that nothing here needs: 10 MiB.
    sys.modules["kubernetes"] = None  # type: ignore[assignment]

    # Only now: a wrong setting is told without waiting for the rest to load.
    from eco2_operator import app
    from eco2_operator.cli.errors import CliError
    from eco2_operator.errors import SettingsError

    try:
        app.run(chosen)
    except SettingsError as error:
        raise CliError(str(error)) from None
