"""What stands behind the proxies, and the client that stands before them."""

import json
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any, Self

from eco2_testcluster.ports import HOST

SECONDS = 10.0
"""How long an answer may take."""


@dataclass(frozen=True)
class Answer:
    """What came back. Status 0: nothing did, the connection was refused or closed."""

    status: int
    text: str = ""

    @property
    def arrived(self) -> bool:
        """Whether the request came through to the server."""
        return self.status == 200

    @property
    def refused(self) -> bool:
        """Whether an AuthorizationPolicy has refused it."""
        return (self.status, self.text) == (403, "RBAC: access denied")

    @property
    def unanswered(self) -> bool:
        """Whether the connection was refused or closed without an answer."""
        return self.status == 0

    @property
    def request(self) -> dict[str, Any]:
        """What the server behind the proxies was asked: ``method``, ``path``, ``headers`` (names in lower case)."""
        assert self.arrived, f"it did not arrive: {self}"
        request: dict[str, Any] = json.loads(self.text)
        return request


class Backend:
    """The application of every workload: it answers everything with what it was asked."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer((HOST, 0), _Echo)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        """Where it listens: ``127.0.0.1:1234``."""
        return f"{HOST}:{self._server.server_port}"


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.rfile.read(int(headers.get("content-length", 0)))
        asked = {"method": self.command, "path": self.path, "headers": headers}
        body = json.dumps(asked).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815  the names BaseHTTPRequestHandler looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the tests look at the answers."""


def ask(
    address: str,
    port: int,
    *,
    host: str,
    path: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    source: str = HOST,
    tls: SSLContext | None = None,
) -> Answer:
    """Send one HTTP request to an address.

    Args:
        path: sent as it is.
        source: the address it comes from.
        tls: plain text without.
    """
    place: dict[str, Any] = {"host": address, "port": port, "timeout": SECONDS, "source_address": (source, 0)}
    with closing(HTTPSConnection(**place, context=tls) if tls else HTTPConnection(**place)) as connection:
        try:
            connection.request(method, path, headers={"Host": host, **(headers or {})})
            response = connection.getresponse()
            return Answer(response.status, response.read().decode())
        except TimeoutError:
            raise
        except (HTTPException, OSError):
            return Answer(0)
