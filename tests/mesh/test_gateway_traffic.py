"""Timeouts, retries, HTTP/2, websockets, and ext-authz that does not answer."""

import pytest
from mesh.entrances import APP
from support.authz import envoy_http2
from support.mesh.entrance import World
from support.mesh.upstream import RUDE, SLOW
from support.mesh.visitor import Line
from support.waits import eventually

from eco2_testcluster.ports import HOST as LOOPBACK

pytestmark = pytest.mark.cluster

HOST = "api.test"
ASKED = "/api/v1/scan"
UPGRADE = [
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("sec-websocket-version", "13"),
]


def test_a_slow_answer_is_not_waited_for(gateway: World) -> None:
    slow = [(SLOW, "1.5")]
    assert gateway.ask("/api/v1/scan/fast", host=HOST, token=gateway.token(), headers=slow).status == 504
    assert gateway.ask(ASKED, host=HOST, token=gateway.token(), headers=slow).service == "scan"


def test_a_request_that_reached_nobody_is_sent_again_where_that_was_asked_for(gateway: World) -> None:
    token = gateway.token()
    retried = [gateway.ask("/api/v1/shaky", host=HOST, token=token).service for _ in range(12)]
    assert retried == ["shaky"] * 12
    once = [gateway.ask("/api/v1/shaky/once", host=HOST, token=token).service for _ in range(12)]
    assert set(once) == {"shaky", "503"}


@pytest.mark.parametrize("path", ["/api/v1/shaky", "/api/v1/shaky/once"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_that_reached_somebody_is_not_sent_again(gateway: World, path: str, method: str) -> None:
    arrived = gateway.services["shaky"].arrived
    token, rude = gateway.token(), [(RUDE, "yes")]
    for _ in range(4):
        before = len(arrived)
        assert gateway.ask(path, host=HOST, method=method, token=token, headers=rude).status == 503
        assert len(arrived) - before <= 1


def test_http2_is_decided_about_alike(gateway: World) -> None:
    def ask(path: str, *fields: tuple[str, str], authority: str = HOST) -> envoy_http2.Reply:
        first = [(":method", "GET"), (":scheme", "http"), (":authority", authority), (":path", path)]
        return envoy_http2.exchange(f"{LOOPBACK}:{gateway.http}", [*first, *fields])

    token = ("authorization", f"Bearer {gateway.token('user-7')}")
    spoofed = ("x-user-id", "admin")
    assert ask(ASKED, spoofed).status == 401
    reply = ask(ASKED, token, spoofed)
    assert reply.status == 200
    assert b'["x-user-id", "user-7"]' in reply.body
    assert b"admin" not in reply.body
    assert b"x-user-id" not in ask("/api/v1/auth/login", spoofed).body
    assert ask("/api/v1/auth/%2e%2e/scan", spoofed).status == 401
    assert ask("/api/v1/internal/x", token).status == 403
    assert ask("/nowhere").status == 404
    assert ask("/api/v1/auth%2f..%2fscan", token).status == 400
    assert ask("/api/v1/auth/login", ("x_user_id", "admin")).status in (0, 400)
    assert ask("/", ("host", HOST), authority="other.test").status == 401


def test_https_offers_http2(gateway: World) -> None:
    for offered, chosen in ((("h2", "http/1.1"), "h2"), (("http/1.1",), "http/1.1")):
        with Line(gateway.https, gateway.certificate.trusting(*offered), HOST) as line:
            assert line.protocol == chosen


@pytest.mark.parametrize(
    ("path", "token", "opens"), [(ASKED, True, True), (ASKED, False, False), ("/api/v1/auth/live", False, True)]
)
def test_websockets_are_decided_about_alike(gateway: World, path: str, token: bool, opens: bool) -> None:
    bearer = [("authorization", f"Bearer {gateway.token('user-7')}")] if token else []
    with Line(gateway.http) as line:
        reply = line.ask(path, host=HOST, headers=[*bearer, *UPGRADE, ("x-user-id", "admin")])
        assert reply.status == (101 if opens else 401)
        if opens:
            line.socket.sendall(b"\x81\x05hello")
            assert line.socket.recv(16) == b"\x81\x05hello"
            service = gateway.services["scan" if token else "auth"]
            assert service.arrived[-1].values("x-user-id") == (["user-7"] if token else [])


def test_a_websocket_cannot_be_used_for_another_path(gateway: World) -> None:
    before = len(gateway.services["scan"].arrived)
    headers = [("connection", "Upgrade"), ("upgrade", "h2c"), ("http2-settings", "AAMAAABkAAQAAP__")]
    with Line(gateway.http) as line:
        reply = line.ask("/api/v1/auth/live", host=HOST, headers=headers)
        assert reply.status != 101
        assert line.ask(ASKED, host=HOST).status in (0, 401)
    assert len(gateway.services["scan"].arrived) == before


def test_without_ext_authz_nobody_passes_where_it_has_to_be_asked(gateway: World) -> None:
    token = gateway.token()
    asked = [(ASKED, HOST), ("/api/v1/auth/me", HOST), ("/", "other.test"), ("/", "a.web.test")]
    before = {name: len(gateway.services[name].arrived) for name in ("scan", "my", "chat")}
    gateway.server.kill()
    try:
        for path, host in asked:
            for bearer in (token, None, "garbage"):
                assert gateway.ask(path, host=host, token=bearer).status == 503
        reply = gateway.ask(ASKED, host=HOST, token=token, headers=[("origin", APP)])
        assert (reply.status, reply.value("access-control-allow-origin")) == (503, APP)
        assert {name: len(gateway.services[name].arrived) for name in before} == before
        assert gateway.ask("/api/v1/auth/login", host=HOST, token=token).service == "auth"
        assert gateway.ask("/api/v1/internal/x", host=HOST, token=token).status == 403
        assert gateway.ask("/nowhere", host=HOST, token=token).status == 404
    finally:
        gateway.server.start()
    eventually(lambda: gateway.ask(ASKED, host=HOST, token=token).status == 200)


def test_ext_authz_that_says_nothing_is_not_waited_for_long(gateway: World) -> None:
    token = gateway.token()
    with gateway.server.paused():
        assert gateway.ask(ASKED, host=HOST, token=token).status == 503
    eventually(lambda: gateway.ask(ASKED, host=HOST, token=token).status == 200)
