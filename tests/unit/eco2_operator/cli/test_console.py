"""On a terminal colours and wrapping, in a pipe neither."""

import io

import pytest
from rich.console import Console
from rich.text import Text

from eco2_operator.cli import console
from eco2_operator.cli.console import WIDE, show, table, width


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 40 columns; what it shows."""
    screen = io.StringIO()

    def make(**options):
        return Console(file=screen, force_terminal=True, color_system="standard", width=40, **options)

    monkeypatch.setattr(console, "Console", make)
    return screen


LONG = "word " * 12


def test_a_terminal_gets_colours_and_wrapped_lines(terminal):
    show(Text("red", style="red"), LONG)
    lines = terminal.getvalue().splitlines()
    assert lines[0] == "\x1b[31mred\x1b[0m"
    assert len(lines) == 3
    assert width() == 40


def test_lines_of_a_diff_are_not_wrapped_on_a_terminal(terminal):
    show(LONG, wrap=False)
    assert terminal.getvalue().splitlines() == [LONG]


def test_a_pipe_gets_plain_lines_without_blanks_at_their_ends(capsys):
    made = table("A", "B")
    made.add_row("1", Text("x" * 300, style="red"))
    show(made, Text("end   "))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "A  B"
    assert lines[2:] == [f"1  {'x' * 300}", "end"]
    assert width() == WIDE
