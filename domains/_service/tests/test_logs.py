"""Lines of the log, whatever is in them."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import psycopg
import pytest
import sqlalchemy
import structlog
from fastapi.exceptions import ResponseValidationError
from pydantic import TypeAdapter

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


SECRET = "what a user sent"


def of_pydantic() -> object:
    return TypeAdapter(int).validate_python(SECRET)


def of_fastapi() -> None:
    raise ResponseValidationError([{"type": "int_type", "loc": ("response",), "input": SECRET}])


def of_asyncpg() -> None:
    raise asyncpg.UniqueViolationError(SECRET)


def of_psycopg() -> None:
    raise psycopg.errors.UniqueViolation(SECRET)


def of_sqlalchemy() -> None:
    try:
        of_psycopg()
    except psycopg.Error as error:
        raise sqlalchemy.exc.IntegrityError("INSERT", {}, error) from error


def of_ours_that_repeats_it() -> None:
    try:
        of_psycopg()
    except psycopg.Error as error:
        raise RuntimeError(str(error)) from error


def of_a_group() -> None:
    errors = []
    for fail in (of_pydantic, of_sqlalchemy):
        try:
            fail()
        except Exception as error:
            errors.append(error)
    raise ExceptionGroup("two", errors)


@pytest.mark.parametrize(
    ("fail", "kinds", "said"),
    [
        (of_pydantic, ["ValidationError"], [""]),
        (of_fastapi, ["ResponseValidationError"], [""]),
        (of_asyncpg, ["UniqueViolationError"], ["SQLSTATE 23505"]),
        (of_psycopg, ["UniqueViolation"], ["SQLSTATE 23505"]),
        (of_sqlalchemy, ["IntegrityError", "UniqueViolation"], ["SQLSTATE 23505"] * 2),
        (of_ours_that_repeats_it, ["RuntimeError", "UniqueViolation"], ["SQLSTATE 23505"] * 2),
        (of_a_group, ["ExceptionGroup"], ["two (2 sub-exceptions)"]),
    ],
    ids=["pydantic", "fastapi", "asyncpg", "psycopg", "sqlalchemy", "ours", "group"],
)
@pytest.mark.parametrize("named", ["structlog", "logging"])
def test_no_line_has_what_a_user_sent(
    output: Output, fail: Callable[[], object], kinds: list[str], said: list[str], named: str
) -> None:
    try:
        fail()
    except Exception:
        logger = structlog.get_logger("tests") if named == "structlog" else logging.getLogger("tests")
        logger.exception("failed")
    (line,) = output.lines
    assert SECRET not in json.dumps(line)
    assert [stack["exc_type"] for stack in line["exception"]] == kinds
    assert [stack["exc_value"] for stack in line["exception"]] == said
    assert fail.__name__ in [frame["name"] for stack in line["exception"] for frame in stack["frames"]]


def test_other_errors_say_what_they_say(output: Output) -> None:
    try:
        raise ValueError("what went wrong")
    except ValueError:
        structlog.get_logger("tests").exception("failed")
    (line,) = output.lines
    assert line["exception"][0]["exc_value"] == "what went wrong"
