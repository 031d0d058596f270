from __future__ import annotations

import socket

import pytest

from eco2_sample import connecting
from eco2_sample.connecting import EXIT_CODES, connect


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_connection_comes_about(listener: socket.socket) -> None:
    attempt = connect("127.0.0.1", listener.getsockname()[1], seconds=5)
    assert (attempt.outcome, attempt.exit_code, attempt.detail) == ("connected", 0, "127.0.0.1")


def test_nobody_listens(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    attempt = connect("127.0.0.1", port, seconds=5)
    assert (attempt.outcome, attempt.exit_code) == ("refused", 1)


def test_nobody_answers(listener: socket.socket) -> None:
    """A full backlog: the kernel lets the next connection wait."""
    listener.listen(0)
    address = listener.getsockname()
    with socket.create_connection(address):
        attempt = connect(*address, seconds=0.1)
    assert (attempt.outcome, attempt.exit_code) == ("timeout", 1)
    assert attempt.seconds >= 0.1


def test_a_name_means_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(connecting.socket, "getaddrinfo", unknown)
    attempt = connect("nobody.test", 80, seconds=5)
    assert (attempt.outcome, attempt.exit_code) == ("name-error", 2)
    assert "not known" in attempt.detail


def test_there_is_no_way(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unreachable(socket.socket):
        def connect(self, address: object) -> None:
            raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(connecting.socket, "socket", Unreachable)
    assert connect("127.0.0.1", 80, seconds=5).outcome == "unreachable"
    assert EXIT_CODES["unreachable"] == 1
