"""Tables and trees for people: rich, on stdout, as wide as what they hold when nobody sees a terminal."""

from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

WIDE: Final = 400
"""Columns when stdout is no terminal: a pipe has no edge, and wrapped lines are bad to search."""


def console() -> Console:
    """The console of stdout."""
    terminal = Console(highlight=False)
    return terminal if terminal.is_terminal else Console(highlight=False, width=WIDE)


def table(*columns: str) -> Table:
    """A table without lines, whose cells are not wrapped."""
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, no_wrap=True, overflow="ellipsis")
    return made
