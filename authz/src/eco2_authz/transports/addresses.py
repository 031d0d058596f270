"""Addresses to listen on."""

import errno
import socket
from pathlib import Path
from typing import Final

BACKLOG: Final = 4096
_UNIX: Final = "unix:"


def bind(address: str, *, shared: bool = False) -> socket.socket:
    """A socket that listens on ``host:port`` or ``unix:/path``. Raises OSError.

    A socket file that nobody listens on any more is replaced.

    Args:
        shared: several processes listen on the same port (SO_REUSEPORT).
    """
    if address.startswith(_UNIX):
        return _bind_unix(Path(address.removeprefix(_UNIX)))
    host, _, port = address.rpartition(":")
    family, kind, protocol, _, where = socket.getaddrinfo(
        host.strip("[]") or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(where)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _bind_unix(path: Path) -> socket.socket:
    if path.is_socket() and not _answers(path):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.setblocking(False)  # a listener that is too busy to accept says EAGAIN; it is there nevertheless
        return client.connect_ex(str(path)) != errno.ECONNREFUSED


def release(address: str) -> None:
    """Nobody listens there any more: remove the file of a Unix socket."""
    if address.startswith(_UNIX):
        Path(address.removeprefix(_UNIX)).unlink(missing_ok=True)


def written(listener: socket.socket) -> str:
    """The address of a socket as it is given in settings."""
    name = listener.getsockname()
    if isinstance(name, str):
        return f"{_UNIX}{name}"
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
