"""Somebody outside who calls the gateway: one connection, requests as a test writes them, one after the other."""

import json
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from typing import Any, Final, Self

from eco2_testcluster.ports import HOST

SECONDS: Final = 15.0
"""How long an answer may take."""

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Reply:
    """An answer. Status 0: there was none, the connection was closed."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def value(self, name: str) -> str | None:
        """The first value of a header."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def said(self) -> dict[str, Any]:
        """What the service behind the gateway said that it was asked."""
        assert self.status == 200, self
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def service(self) -> str:
        """Who has answered; the status where nobody did."""
        return str(self.said["service"]) if self.status == 200 else str(self.status)

    def got(self, name: str) -> list[str]:
        """The values of a header as the service got it; another case, and _ for -, is the same name."""
        return [value for key, value in self.said["headers"] if key.lower().replace("_", "-") == name]

    @property
    def reason(self) -> str:
        """Why it was refused; empty where the answer says nothing."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return ""
        return str(found.get("reason", "")) if isinstance(found, dict) else ""


@dataclass
class Line:
    """One connection of HTTP/1.1.

    Args:
        port: of the gateway.
        tls: with a server name to ask for; plain text without.
    """

    port: int
    tls: ssl.SSLContext | None = None
    name: str = ""
    _socket: socket.socket | None = field(default=None, repr=False)

    def __enter__(self) -> Self:
        plain = socket.create_connection((HOST, self.port), timeout=SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = self.tls.wrap_socket(plain, server_hostname=self.name) if self.tls else plain
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    @property
    def socket(self) -> socket.socket:
        """The open connection."""
        assert self._socket is not None
        return self._socket

    @property
    def protocol(self) -> str | None:
        """What was chosen by ALPN."""
        return self.socket.selected_alpn_protocol() if isinstance(self.socket, ssl.SSLSocket) else None

    def ask(self, path: str, *, host: str, method: str = "GET", headers: Headers = (), body: bytes = b"") -> Reply:
        """Send a request and read the answer; everything is sent as it is."""
        length = [("content-length", str(len(body)))] if body else []
        lines = [
            f"{method} {path} HTTP/1.1",
            f"host: {host}",
            *(f"{key}: {value}" for key, value in (*headers, *length)),
        ]
        return self.exchange("\r\n".join([*lines, "", ""]).encode("latin-1") + body, method=method)

    def exchange(self, octets: bytes, *, method: str = "GET") -> Reply:
        """Send octets and read one answer."""
        response: HTTPResponse | None = None
        try:
            self.socket.sendall(octets)
            response = HTTPResponse(self.socket, method=method)
            response.begin()
            body = response.read() if response.status != 101 else b""
            return Reply(response.status, tuple(response.getheaders()), body)
        except TimeoutError:
            raise
        except (HTTPException, OSError):
            return Reply(0)
        finally:
            if response is not None:
                response.close()


def ask(port: int, path: str, *, tls: ssl.SSLContext | None = None, name: str = "", **request: Any) -> Reply:
    """One request on a connection of its own; name is the server's, by default the host."""
    try:
        with Line(port, tls, name or request["host"].partition(":")[0]) as line:
            return line.ask(path, **request)
    except (ConnectionError, ssl.SSLError):
        return Reply(0)
