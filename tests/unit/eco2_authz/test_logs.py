import asyncio
import json
import logging
import os
import subprocess
import sys

import pytest

from eco2_authz.logs import JsonFormatter, Sometimes, WriterHandler, report_fault
from eco2_authz.request import Request
from eco2_authz.writer import Writer


def formatted(formatter: JsonFormatter, **changes: object) -> dict[str, object]:
    record = logging.LogRecord("eco2_authz.x", logging.INFO, "", 0, "read %d", (5,), None)
    vars(record).update(changes)
    line = formatter.format(record)
    assert "\n" not in line
    found: dict[str, object] = json.loads(line)
    return found


def test_a_line_has_the_message_and_every_extra_field() -> None:
    line = formatted(JsonFormatter(), cause="gone\n", entries=3)
    assert (line["level"], line["logger"], line["message"]) == ("INFO", "eco2_authz.x", "read 5")
    assert (line["cause"], line["entries"]) == ("gone\n", 3)
    assert str(line["time"]).endswith("+00:00")
    assert "worker" not in line


def test_a_worker_says_which_it_is() -> None:
    assert formatted(JsonFormatter(2))["worker"] == 2


def test_an_exception_is_part_of_the_line() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        line = formatted(JsonFormatter(), exc_info=sys.exc_info())
    assert "ValueError: broken" in str(line["traceback"])


def test_a_record_that_cannot_be_written_is_no_error_of_its_author(capsys: pytest.CaptureFixture[str]) -> None:
    reader, file = os.pipe()
    writer = Writer(file, room=10)
    handler = WriterHandler(writer)
    handler.setFormatter(JsonFormatter())
    handler.emit(logging.LogRecord("x", logging.INFO, "", 0, "read %d", ("no number",), None))
    assert writer.close(10)
    assert "no number" in capsys.readouterr().err
    os.close(reader)
    os.close(file)


async def test_what_a_callback_was_called_with_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    def broken(token: str) -> None:
        raise ValueError("broken")

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(report_fault)
    loop.call_soon(broken, "Bearer secret")
    await asyncio.sleep(0)
    assert "ValueError: broken" in caplog.text
    assert "secret" not in caplog.text


def test_a_request_that_is_shown_tells_no_token() -> None:
    request = Request("GET", "/a?token=secret", authorization=("Bearer secret",), cookies=("s_access=secret",))
    assert "secret" not in f"{request} {request!r}"


def test_a_cause_is_due_now_and_then() -> None:
    now = [0.0]
    sometimes = Sometimes(60.0, clock=lambda: now[0])
    assert [sometimes.due("a") for _ in range(4)] == [0, None, None, None]
    assert sometimes.due("b") == 0
    now[0] = 60.0
    assert sometimes.due("a") == 3
    assert sometimes.due("a") is None


def test_causes_beyond_the_bound_share_a_turn() -> None:
    sometimes = Sometimes(60.0, causes=2, clock=lambda: 0.0)
    assert [sometimes.due(name) for name in ("a", "b", "c", "d", "e")] == [0, 0, 0, None, None]
    assert len(sometimes._next) == 3


def test_the_last_line_of_a_process_is_written() -> None:
    program = """
import logging
from eco2_authz import logs
logs.configure(level="INFO", worker=1)
logging.getLogger("x").debug("not this")
logging.getLogger("x").info("last words", extra={"why": "end"})
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["message"] == "last words"
    assert json.loads(line)["worker"] == 1
    assert done.stdout == ""
