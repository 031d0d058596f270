"""Lines of the log, whatever is in them."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from eco2_service.logs import configure_logs


class Output(io.TextIOWrapper):
    """Standard output."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO())

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What was written."""
        self.buffer.seek(0)
        return [json.loads(line) for line in self.buffer]


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Iterator[Output]:
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    output = Output()
    monkeypatch.setattr(sys, "stdout", output)
    configure_logs(service="tests", level="info")
    yield output
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("value", ["가", "\ud800", 2**70, -(2**70), {"\udfff": [1]}])
def test_whatever_is_said_there_is_a_line(output: Output, value: object) -> None:
    structlog.get_logger("tests").info("said", value=value)
    (line,) = output.lines
    assert (line["event"], line["service"], line["value"]) == ("said", "tests", value)


def test_a_message_that_cannot_be_made_does_not_stop_who_says_it(
    output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logging.getLogger("tests").warning("%s and %s", "one")
    logging.getLogger("tests").warning("%s and %s", "one", "two")
    assert [line["event"] for line in output.lines] == ["one and two"]
