"""The colours of a unified diff."""

from typing import Final

from rich.text import Text

_STYLES: Final = {"---": "bold", "+++": "bold", "@@": "cyan", "-": "red", "+": "green"}


def styled(line: str) -> Text:
    """A line of a diff, coloured by what it begins with."""
    return Text(line, style=next((style for start, style in _STYLES.items() if line.startswith(start)), ""))
