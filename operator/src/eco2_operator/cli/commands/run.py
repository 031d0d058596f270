"""``eco2 run``: the operator itself."""

import click


@click.command("run")
def command() -> None:
    """Run the operator.

    Its settings are the ECO2_* environment variables. It ends on SIGTERM or SIGINT.
    """
    from eco2_operator.cli.configuration import load_settings

    chosen = load_settings()

    # Only now: a wrong setting is told without waiting for the rest to load.
    from eco2_operator import app

    app.run(chosen)
