"""Faults in files."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

import click

from eco2_operator.cli.errors import CliError


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in a file."""

    source: str
    """The file, as the user would name it."""
    text: str

    def __str__(self) -> str:
        return f"{self.source}: {self.text}"


class InvalidInput(CliError):
    """Faults in the files, one a line."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the faults without a prefix: a line starts with the file, as editors like it."""
        click.echo(self.message, file=file, err=file is None)
