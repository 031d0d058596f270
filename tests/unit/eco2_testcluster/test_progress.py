from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from eco2_testcluster.progress import Reporter
from eco2_testcluster.waits import until


def test_a_log_gets_a_line_before_and_after(said) -> None:
    with said.reporter.step("building etcd", expected=45):
        pass
    first, last = said.getvalue().splitlines()
    assert first.strip() == "building etcd (usually 45 s)"
    assert last.startswith("✓ building etcd (0")


def test_a_long_step_shows_that_it_lives() -> None:
    output = io.StringIO()
    reporter = Reporter(Console(file=output, width=200), silence=0.01)
    with reporter.step("building") as progress:
        progress("the linker")
        until(lambda: output.getvalue().count("the linker") >= 2, seconds=10, what="two lines")
    assert "… building: the linker, 0." in output.getvalue()


def test_a_failed_step_is_marked(said) -> None:
    with pytest.raises(ValueError, match="no"), said.reporter.step("building"):
        raise ValueError("no")
    assert "✗ building" in said.getvalue()


def test_no_thread_is_left(said) -> None:
    before = threading.active_count()
    with said.reporter.step("building"):
        pass
    assert threading.active_count() == before


def test_brackets_are_not_markup(said) -> None:
    said.reporter.say("[bold]x[/bold]")
    assert said.getvalue() == "[bold]x[/bold]\n"


def test_a_terminal_gets_one_line_at_the_end() -> None:
    output = io.StringIO()
    with Reporter(Console(file=output, force_terminal=True, width=200)).step("building") as progress:
        progress("the linker")
    assert "building" in output.getvalue()
    assert "✓" in output.getvalue()
