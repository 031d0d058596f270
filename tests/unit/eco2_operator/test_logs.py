"""Log lines for machines and for people."""

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from eco2_operator.logs import ConsoleFormatter, JsonFormatter, configure


def record(message: str = "ready changed", *args: Any, error: bool = False, **extra: Any) -> logging.LogRecord:
    exc_info = None
    if error:
        try:
            raise ValueError("a fault")
        except ValueError:
            exc_info = sys.exc_info()
    made = logging.LogRecord("eco2_operator.reconcile", logging.WARNING, "path", 1, message, args, exc_info)
    made.created = 1_795_341_600.25
    vars(made).update(extra)
    return made


def as_json(made: logging.LogRecord) -> dict[str, Any]:
    line = JsonFormatter().format(made)
    assert "\n" not in line
    parsed: dict[str, Any] = json.loads(line)
    return parsed


def test_a_line_holds_time_level_logger_message_and_every_plain_field() -> None:
    assert as_json(record("swept %s", "pods", key="EcoDomain/shop/scan", count=3, seconds=0.5)) == {
        "time": "2026-11-22T10:00:00.250+00:00",
        "level": "WARNING",
        "logger": "eco2_operator.reconcile",
        "message": "swept pods",
        "key": "EcoDomain/shop/scan",
        "count": 3,
        "seconds": 0.5,
    }


def test_objects_that_kopf_hangs_on_its_records_are_left_out() -> None:
    line = as_json(record(settings=object(), k8s_ref={"name": "x"}, nothing=None, taskName="watcher", asctime="now"))
    assert set(line) == {"time", "level", "logger", "message"}


@pytest.mark.parametrize("formatter", [JsonFormatter(), ConsoleFormatter()])
def test_a_traceback_is_kept(formatter: logging.Formatter) -> None:
    text = formatter.format(record(error=True))
    assert "ValueError: a fault" in text
    assert "Traceback" in text


def test_a_message_with_line_breaks_is_one_line_of_json() -> None:
    assert as_json(record("first\nsecond"))["message"] == "first\nsecond"


def test_people_get_one_short_line() -> None:
    line = ConsoleFormatter().format(record(key="EcoDomain/shop/scan"))
    assert line == "10:00:00 WARNING ready changed key=EcoDomain/shop/scan"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    before = (logger.handlers[:], logger.level)
    yield logger
    logger.handlers[:], logger.level = before
    for name in ("kopf", "aiohttp.access"):
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.mark.parametrize(("style", "formatter"), [("json", JsonFormatter), ("console", ConsoleFormatter)])
def test_every_log_goes_to_standard_error_once_in_the_wanted_style(
    root: logging.Logger, style: str, formatter: type[logging.Formatter], capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        configure(level="INFO", style=style)
    assert [type(handler.formatter) for handler in root.handlers] == [formatter]
    logging.getLogger("eco2_operator.x").info("told")
    logging.getLogger("eco2_operator.x").debug("not told")
    out, err = capsys.readouterr()
    assert (out, err.count("told"), "not told" in err) == ("", 1, False)


def test_kopf_says_warnings_only(root: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    configure(level="DEBUG", style="json")
    logging.getLogger("kopf.objects").info("Handler 'x' succeeded.")
    logging.getLogger("kopf.objects").warning("Something is odd.")
    err = capsys.readouterr().err
    assert "succeeded" not in err
    assert "odd" in err
