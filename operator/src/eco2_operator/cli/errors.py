"""How a command ends when it cannot do its work: one line on stderr, exit code 2, never a traceback."""

from typing import IO, Any, Final

import click

DONE: Final = 0
"""Exit code: all done, nothing differs, everything is ready."""
DIFFERS: Final = 1
"""Exit code: something differs, is not ready, or is missing."""
FAILED: Final = 2
"""Exit code: wrong usage, invalid input, or no cluster to ask."""


class CliError(click.ClickException):
    """Something the user can mend. The message says what is wrong, where, and what to do."""

    exit_code = FAILED

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message."""
        click.echo(f"eco2: {self.message}", file=file, err=file is None)


def note(text: str) -> None:
    """Tell the user something that is not data: on stderr, so that pipes stay clean."""
    click.echo(text, err=True)
