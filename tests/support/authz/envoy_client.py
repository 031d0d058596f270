"""The client before Envoy. It sends octets as a test writes them, also such as no HTTP library would."""

import socket
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Final

SECONDS: Final = 10.0
"""How long an answer may take."""

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Reply:
    """What came back. Status 0: nothing did, the connection was closed."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def value(self, name: str) -> str | None:
        """The first value of a header."""
        return next((value for key, value in self.headers if key.lower() == name), None)


def request(path: str | bytes, *, method: str = "GET", host: str = "api.test", headers: Headers = ()) -> bytes:
    """A request of HTTP/1.1, in Latin-1, nothing escaped or refused."""
    target = path if isinstance(path, bytes) else path.encode("latin-1")
    lines = [b"host: " + host.encode("latin-1")]
    lines += [f"{name}: {value}".encode("latin-1") for name, value in headers]
    return b"\r\n".join([method.encode() + b" " + target + b" HTTP/1.1", *lines, b"", b""])


def exchange(address: str, octets: bytes) -> Reply:
    """Send octets on a new connection, and read one answer. Raises TimeoutError for none."""
    host, _, port = address.rpartition(":")
    with closing(socket.create_connection((host, int(port)), timeout=SECONDS)) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before it closed
            connection.sendall(octets)
        response = HTTPResponse(connection, method=octets.partition(b" ")[0].decode("latin-1"))
        try:
            response.begin()
            # What follows an answer to CONNECT is no body.
            body = response.read() if response.status >= 300 or response.length is not None else b""
        except TimeoutError:
            raise
        except (HTTPException, OSError):
            return Reply(0)
        finally:
            response.close()
        return Reply(response.status, tuple(response.getheaders()), body)
