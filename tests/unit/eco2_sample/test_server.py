"""The whole process, as a pod runs it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection

import pytest
from support.redis import free_port
from support.waits import eventually

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def port() -> int:
    return free_port()


PATIENT = "from eco2_sample import cli, server; server.LINGER_SECONDS = 600; cli.main()"
"""Gives clients with a connection all the time of a busy machine."""


@pytest.fixture
def start(port: int) -> Iterator[Start]:
    started = []

    def run(*words: str, program: tuple[str, str] = ("-m", "eco2_sample")) -> subprocess.Popen[str]:
        environ = {"LISTEN_HOST": "127.0.0.1", "LISTEN_PORT": str(port), "SAMPLE_SERVICE": "chat"}
        command = [sys.executable, *program, *words]
        process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def get(port: int, path: str) -> tuple[int, str]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()


def answers(port: int) -> bool:
    try:
        return get(port, "/health")[0] == 200
    except ConnectionError:
        return False


def test_it_listens_where_the_environment_says(port: int, start: Start) -> None:
    start()
    eventually(lambda: answers(port))
    status, body = get(port, "/x")
    assert (status, json.loads(body)["service"]) == (200, "chat")


def test_what_is_in_flight_is_finished(port: int, start: Start) -> None:
    def slow() -> tuple[int, bool]:
        with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            connection.request("GET", "/x?delay=3")
            response = connection.getresponse()
            return response.status, response.will_close

    process = start()
    eventually(lambda: answers(port))
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(slow)
        eventually(lambda: "sample_requests_in_flight 2" in get(port, "/metrics/status")[1])
        process.send_signal(signal.SIGTERM)
        assert answer.result() == (200, True)  # which it says from the signal on
    assert process.wait(30) == 0
    assert not answers(port)


def test_an_idle_connection_does_not_hold_it_up(port: int, start: Start) -> None:
    process = start()
    eventually(lambda: answers(port))
    with socket.create_connection(("127.0.0.1", port)):
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_a_client_that_keeps_its_connection_is_told_to_leave(port: int, start: Start) -> None:
    process = start(program=("-c", PATIENT))
    eventually(lambda: answers(port))
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", "/x")
        response = connection.getresponse()
        assert response.read()
        assert not response.will_close
        process.send_signal(signal.SIGTERM)
        eventually(lambda: not answers(port))
        connection.request("GET", "/x")
        response = connection.getresponse()
        assert (response.status, response.will_close) == (200, True)
    assert process.wait(30) == 0


def test_never_ready(port: int, start: Start) -> None:
    start("serve", "--never-ready")
    eventually(lambda: answers(port))
    assert get(port, "/ready")[0] == 503


def test_it_can_be_ended_before_it_listens(port: int, start: Start) -> None:
    process = start("serve", "--slow-start", "600")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
