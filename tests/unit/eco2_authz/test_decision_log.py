import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.aio import becomes
from tests.unit.eco2_authz.tokens import token

from eco2_authz.decision import Decision, Identity, Reason
from eco2_authz.decision_log import AT_ONCE, CHUNK, LONGEST_LINE, DecisionLog, shown_path
from eco2_authz.request import Request
from eco2_authz.writer import Writer

NOW = 1_800_000_000.25
REQUEST = Request(
    method="GET",
    path="/api/v1/scan?token=hidden",
    host="api.growbin.app",
    request_id="r-1",
    authorization=("Bearer hidden",),
    cookies=("s_access=hidden",),
)
ACCEPTED = Decision(Reason.OK, Identity("user-1", "google"), "jti-1")
REFUSED = Decision(Reason.MISSING_TOKEN, detail="no access token was sent")


class Sink:
    """A file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def lines(self) -> list[dict[str, Any]]:
        """Everything written so far."""
        return [json.loads(line) for line in self._path.read_bytes().splitlines()]


class Blocked:
    """A pipe nobody reads."""

    def __init__(self) -> None:
        self.reader, self.file = os.pipe()

    def read(self, lines: int) -> None:
        """Read so many lines."""
        while lines > 0:
            lines -= os.read(self.reader, 1_000_000).count(b"\n")


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    sink = Sink(tmp_path / "log")
    yield sink
    os.close(sink.file)


@pytest.fixture
def blocked() -> Iterator[Blocked]:
    pipe = Blocked()
    yield pipe
    os.close(pipe.reader)  # which ends the writer, too
    os.close(pipe.file)


@pytest.fixture
def dropped() -> list[int]:
    return []


@pytest.fixture
def log_to(dropped: list[int]) -> Callable[..., DecisionLog]:
    def make(sink: Sink | Blocked, *, room: int = 1_000_000, dry_run: bool = False) -> DecisionLog:
        return DecisionLog(Writer(sink.file, room=room), dry_run=dry_run, on_dropped=dropped.append)

    return make


async def test_a_decision_is_one_object(sink: Sink, log_to) -> None:
    log = log_to(sink, dry_run=True)
    log.record(NOW, 0.000_012_34, ACCEPTED, REQUEST)
    log.record(NOW, 0.5, REFUSED, Request(path="/"))
    assert log.close(10)
    first, second = sink.lines()
    assert first == {
        "time": "2027-01-15T08:00:00.250Z",
        "result": "allow",
        "reason": "ok",
        "method": "GET",
        "host": "api.growbin.app",
        "path": "/api/v1/scan",
        "user_id": "user-1",
        "provider": "google",
        "jti": "jti-1",
        "request_id": "r-1",
        "duration_us": 12.3,
        "dry_run": True,
    }
    assert second["user_id"] is None
    assert (second["result"], second["reason"]) == ("deny", "missing_token")
    assert second["detail"] == "no access token was sent"


async def test_our_own_trouble_is_an_error(sink: Sink, log_to) -> None:
    log = log_to(sink)
    for reason in Reason:
        log.record(NOW, 0.0, Decision(reason), REQUEST)
    log.close(10)
    results = {line["reason"]: line["result"] for line in sink.lines()}
    assert {name for name, result in results.items() if result == "allow"} == {"ok", "public"}
    assert {name for name, result in results.items() if result == "error"} == {
        "redis_unavailable",
        "keys_unavailable",
        "internal",
    }


async def test_few_decisions_are_written_soon(sink: Sink, log_to) -> None:
    log = log_to(sink)
    for _ in range(2):
        before = len(sink.lines())
        log.record(NOW, 0.0, ACCEPTED, REQUEST)
        log.record(NOW, 0.0, REFUSED, REQUEST)
        await becomes(lambda before=before: len(sink.lines()) == before + 2)
    log.close(10)


async def test_many_are_written_without_waiting_for_the_loop(sink: Sink, log_to) -> None:
    log = log_to(sink)
    for _ in range(10 * CHUNK):
        log.record(NOW, 0.0, ACCEPTED, REQUEST)
    assert not log._entries
    log.close(10)
    assert len(sink.lines()) == 10 * CHUNK


async def test_a_blocked_reader_costs_no_time_and_what_is_dropped_is_counted(blocked: Blocked, log_to, dropped) -> None:
    log = log_to(blocked, room=50_000)
    count = 20_000
    began = time.process_time()
    for _ in range(count):
        log.record(NOW, 0.0, ACCEPTED, REQUEST)
    assert time.process_time() - began < 1
    assert 0 < sum(dropped) < count
    assert log._writer._accepted - log._writer._done < 50_000 + AT_ONCE + CHUNK * LONGEST_LINE
    log.flush()
    blocked.read(count - sum(dropped))  # as many as were not dropped are there
    assert log.close(10)


async def test_at_the_end_it_waits_only_so_long(blocked: Blocked, log_to) -> None:
    log = log_to(blocked)
    for _ in range(1_000):
        log.record(NOW, 0.0, ACCEPTED, REQUEST)
    began = time.monotonic()
    assert not log.close(0.05)
    assert time.monotonic() - began < 5


async def test_what_cannot_be_written_is_dropped_and_logged_once(
    sink: Sink, log_to, dropped, caplog: pytest.LogCaptureFixture
) -> None:
    log = log_to(sink)
    for _ in range(3):
        log.record(NOW, 0.0, ACCEPTED, Request(path="/", host="\ud800"))
        log.flush()
    log.record(NOW, 0.0, ACCEPTED, REQUEST)
    log.close(10)
    assert dropped == [1, 1, 1]
    assert len(sink.lines()) == 1
    assert len(caplog.records) == 1


@pytest.mark.parametrize("text", ["x" * 300_000, "\x00" * 300_000, "가" * 100_000, '"\\' * 10_000])
async def test_a_line_is_never_longer_than_what_a_pipe_takes_whole(sink: Sink, log_to, text: str) -> None:
    log = log_to(sink)
    log.record(NOW, 0.0, REFUSED, Request(text, text, text, text, text, text))
    log.close(10)
    (line,) = sink.lines()
    assert len(json.dumps(line, ensure_ascii=False).encode()) < 4096


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/a", "/a"),
        ("/a?b", "/a"),
        ("/a?b#c", "/a"),
        ("/a#b?c", "/a"),
        ("?a", ""),
        ("", ""),
        ("/" + "x" * 1000, "/" + "x" * 511),
    ],
)
def test_a_path_is_shown_without_its_query(path: str, shown: str) -> None:
    assert shown_path(path) == shown


@given(st.text(), st.text(), st.sampled_from("?#"))
def test_nothing_behind_a_query_is_shown(path: str, query: str, sign: str) -> None:
    assert shown_path(f"{path}{sign}{query}") == shown_path(path)


async def test_no_line_holds_a_token_a_cookie_or_a_query(sink: Sink, log_to) -> None:
    log = log_to(sink)
    tokens = [token({"sub": f"user-{number}", "jti": f"jti-{number}"}) for number in range(100)]
    for secret in tokens:
        request = Request(
            method="GET",
            path=f"/a?access_token={secret}#{secret}",
            authorization=(f"Bearer {secret}",),
            cookies=(f"s_access={secret}; other={secret}",),
        )
        log.record(NOW, 0.0, ACCEPTED, request)
        log.record(NOW, 0.0, Decision(Reason.BAD_SIGNATURE, detail="the token's signature is wrong"), request)
    log.close(10)
    written = json.dumps(sink.lines())
    for secret in tokens:
        assert not any(part in written for part in secret.split("."))
    assert "access" not in written
