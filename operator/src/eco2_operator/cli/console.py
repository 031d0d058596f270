"""Tables and trees for people: rich, on stdout."""

from typing import Final

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table

WIDE: Final = 1000
"""Columns when stdout is no terminal: a pipe has no edge, and wrapped lines are bad to search."""


def show(*parts: RenderableType, wrap: bool = True) -> None:
    """Print the parts, one below the other. Without a terminal: no colour, no wrapping, no blanks at the ends."""
    terminal = Console(highlight=False)
    if terminal.is_terminal:
        for part in parts:
            terminal.print(part, soft_wrap=not wrap)
        return
    plain = Console(highlight=False, width=WIDE)
    with plain.capture() as capture:
        for part in parts:
            plain.print(part, soft_wrap=not wrap)
    terminal.file.writelines(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def width() -> int:
    """Columns there are."""
    terminal = Console()
    return terminal.width if terminal.is_terminal else WIDE


def table(*columns: str) -> Table:
    """A table without lines, two blanks between its columns."""
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in columns:
        made.add_column(column)
    return made
