"""The operator's log in the report of a failed test."""

from pathlib import Path

import pytest

from support.operator import Operator

LOGGED = pytest.StashKey[list[tuple[Operator, int]]]()
"""The operators a test uses, and how long their logs were before it."""
LONGEST = 20_000


def show_log_of(operator: Operator, item: pytest.Item) -> None:
    """Have an operator's log from now on shown when the test fails."""
    size = operator.log.stat().st_size if operator.log.exists() else 0
    item.stash.setdefault(LOGGED, []).append((operator, size))


def add_logs(item: pytest.Item, report: pytest.TestReport) -> None:
    """Add the logs to a report; for a `pytest_runtest_makereport` hook."""
    if report.failed:
        for operator, size in item.stash.get(LOGGED, []):
            report.sections.append((f"log of {operator.user}", _tail(operator.log, size)))


def _tail(path: Path, start: int) -> str:
    if not path.exists():
        return "(none)"
    with path.open("rb") as file:
        file.seek(start)
        return file.read()[-LONGEST:].decode(errors="replace")
