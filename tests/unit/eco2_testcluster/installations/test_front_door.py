from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from eco2_testcluster.installations.certificates import authority
from eco2_testcluster.installations.front_door import FrontDoor


class Gateway(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        token = self.headers.get("authorization")
        answers = {"/token": (200, {"access_token": "t"}), "/closed": (200 if token == "Bearer t" else 401, {})}
        status, body = answers.get(self.path, (404, {}))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps({**body, "host": self.headers["host"]}).encode())

    def log_message(self, *words: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def door(tmp_path: Path) -> Iterator[FrontDoor]:
    signer = authority(tmp_path)
    signer.issue("api.test", hosts=["api.test"], client=False).save(tmp_path, "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield FrontDoor("api.test", server.server_port, tmp_path / "ca.crt")
    server.shutdown()
    thread.join()
    server.server_close()


def test_it_asks_for_the_host_by_name_and_brings_the_token(door: FrontDoor) -> None:
    status, body = door.get("/closed")
    assert (status, json.loads(body)["host"]) == (401, f"api.test:{door.port}")
    assert door.get("/closed", token=door.token("/token"))[0] == 200


def test_an_answer_without_a_token_is_an_error(door: FrontDoor) -> None:
    with pytest.raises(ConnectionError, match=rf"https://api.test:{door.port}/nothing: 404"):
        door.token("/nothing")


def test_a_host_with_another_certificate_is_not_trusted(door: FrontDoor) -> None:
    with pytest.raises(ssl.SSLError):
        FrontDoor("other.test", door.port, door.authority).get("/")


def test_nobody_there_is_an_os_error(door: FrontDoor) -> None:
    with pytest.raises(OSError, match="refused"):
        FrontDoor("api.test", 1, door.authority).get("/")


def test_people_get_an_url_and_a_command() -> None:
    door = FrontDoor("api.test", 443, Path("ca.crt"))
    assert door.url("/x") == "https://api.test/x"
    assert FrontDoor("api.test", 8443, Path("ca.crt")).url("/x") == "https://api.test:8443/x"
    assert door.curl("/x", "-i") == "curl --cacert ca.crt --resolve api.test:443:127.0.0.1 -i 'https://api.test/x'"
