from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from support.redis import free_port

from eco2_sample.load import Plan, load


class World(ThreadingHTTPServer):
    """Pods that take turns."""

    daemon_threads = True
    protocol_version = "HTTP/1.1"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Pod)
        self.lock = threading.Lock()
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.at_once = self.most = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Pod(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: World

    def do_GET(self) -> None:
        world = self.server
        with world.lock:
            world.headers.append(dict(self.headers))
            world.paths.append(self.path)
            number = len(world.paths)
            world.at_once += 1
            world.most = max(world.most, world.at_once)
        time.sleep(0.02)
        with world.lock:
            world.at_once -= 1
        if self.path == "/broken":
            self.close_connection = True
        elif self.path == "/text":
            self._answer(503, "text/plain", "no healthy upstream")
        else:
            self._answer(200, "application/json", json.dumps({"version": "1", "pod": f"pod-{number % 2}"}))

    def _answer(self, status: int, kind: str, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def world() -> Iterator[World]:
    with World() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def plan(url: str, **changes: Any) -> Plan:
    return Plan(url, {}, **changes)


def test_answers_are_counted_by_who_gave_them(world: World) -> None:
    tally = load(Plan(f"{world.url}x?y=1", {"x-user-id": "u1"}, count=10))
    assert (tally.requests, tally.statuses, tally.errors) == (10, {"200": 10}, {})
    assert (tally.versions, tally.pods) == ({"1": 10}, {"pod-0": 5, "pod-1": 5})
    assert {headers["x-user-id"] for headers in world.headers} == {"u1"}
    assert set(world.paths) == {"/x?y=1"}
    assert tally.last["version"] == "1"
    assert tally.slowest > 0


def test_every_request_has_a_connection_of_its_own(world: World) -> None:
    load(plan(world.url, count=5))
    assert {headers["Connection"] for headers in world.headers} == {"close"}


def test_an_answer_of_somebody_else_counts_by_its_status(world: World) -> None:
    tally = load(plan(f"{world.url}text", count=2))
    assert (tally.statuses, tally.pods, tally.last) == ({"503": 2}, {}, "no healthy upstream")


def test_a_lost_connection_is_an_error_and_is_not_tried_again(world: World) -> None:
    tally = load(plan(f"{world.url}broken", count=3))
    assert (tally.requests, tally.statuses, tally.errors) == (3, {}, {"RemoteDisconnected": 3})
    assert tally.first_error is not None
    assert len(world.paths) == 3


def test_nobody_listens() -> None:
    tally = load(plan(f"http://127.0.0.1:{free_port()}", count=2))
    assert tally.errors == {"ConnectionRefusedError": 2}


def test_no_answer_in_time_is_an_error(world: World) -> None:
    assert load(plan(world.url, count=1, timeout=0.001)).errors == {"TimeoutError": 1}


def test_requests_are_sent_at_the_same_time(world: World) -> None:
    load(plan(world.url, count=40, concurrency=4))
    assert len(world.paths) == 40
    assert 1 < world.most <= 4


def test_it_ends_with_its_time(world: World) -> None:
    assert load(plan(world.url, count=None, seconds=0.2)).requests >= 1


def test_it_keeps_to_its_rate(world: World) -> None:
    began = time.monotonic()
    load(plan(world.url, count=11, rate=50, concurrency=3))
    assert time.monotonic() - began >= 0.2
