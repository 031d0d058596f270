"""Addresses: ports, shared ports and Unix sockets."""

import socket
from pathlib import Path

import pytest

from eco2_authz.transports import addresses


def connects(listener: socket.socket) -> bool:
    with socket.socket(listener.family) as client:
        return client.connect_ex(listener.getsockname()) == 0


@pytest.mark.parametrize(
    ("address", "written"), [("127.0.0.1:0", "127.0.0.1:{}"), ("[::1]:0", "[::1]:{}"), ("localhost:0", "127.0.0.1:{}")]
)
def test_a_free_port(address: str, written: str) -> None:
    with addresses.bind(address) as listener:
        port = listener.getsockname()[1]
        if address != "localhost:0":
            assert addresses.written(listener) == written.format(port)
        assert connects(listener)


def test_every_interface() -> None:
    with addresses.bind(":0") as listener:
        assert listener.getsockname()[0] in ("0.0.0.0", "::")  # noqa: S104 - as was asked


def test_a_port_that_is_taken() -> None:
    with addresses.bind("127.0.0.1:0") as listener, pytest.raises(OSError, match="in use"):
        addresses.bind(addresses.written(listener))


def test_a_port_that_is_shared() -> None:
    with (
        addresses.bind("127.0.0.1:0", shared=True) as one,
        addresses.bind(addresses.written(one), shared=True) as other,
    ):
        assert one.getsockname() == other.getsockname()


@pytest.mark.parametrize("address", ["no.such.host.invalid:0", "192.0.2.1:0"])
def test_an_address_that_is_not_ours(address: str) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - each system has its own words for it
        addresses.bind(address)


def test_a_unix_socket(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 'socket'}"
    with addresses.bind(address) as listener:
        assert addresses.written(listener) == address
        assert connects(listener)
    addresses.release(address)
    assert not (tmp_path / "socket").exists()
    addresses.release(address)


def test_a_unix_socket_that_nobody_listens_on_any_more_is_replaced(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 'socket'}"
    addresses.bind(address).close()
    with addresses.bind(address) as listener:
        assert connects(listener)


def test_a_unix_socket_that_is_in_use_is_left_alone_even_when_its_owner_is_too_busy(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(path))
        busy.listen(0)
        waiting = []
        for _ in range(3):  # more than the queue takes
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            client.connect_ex(str(path))
            waiting.append(client)
        with pytest.raises(OSError, match="in use"):
            addresses.bind(f"unix:{path}")
        for client in waiting:
            client.close()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("precious")
    with pytest.raises(OSError, match="in use"):
        addresses.bind(f"unix:{path}")
    assert path.read_text() == "precious"


def test_a_port_has_no_file_to_remove() -> None:
    addresses.release("127.0.0.1:1")
