from __future__ import annotations

import socket

import pytest

from eco2_testcluster import ports
from eco2_testcluster.ports import HIGHEST, HOST, LOWEST, free_ports, is_free, named_ports


def test_free_ports_are_different_and_in_the_range() -> None:
    found = free_ports(20)
    assert len(set(found)) == 20
    assert all(LOWEST <= port <= HIGHEST for port in found)


def test_a_port_with_a_server_is_not_free() -> None:
    (port,) = free_ports(1)
    with socket.create_server((HOST, port)):
        assert not is_free(port)
    assert is_free(port)


def test_names_get_ports_of_their_own() -> None:
    found = named_ports(["a", "b"])
    assert list(found) == ["a", "b"]
    assert found["a"] != found["b"]


def test_too_few_free_ports_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port: port == LOWEST)
    with pytest.raises(OSError, match="no 2 free ports"):
        free_ports(2)
