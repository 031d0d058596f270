"""Requests of scripts from other origins: browsers ask first, without a token, and read errors only when they may."""

import pytest
from mesh.entrances import APP
from support.mesh.entrance import World
from support.mesh.visitor import Reply

pytestmark = pytest.mark.cluster

EVIL = "https://evil.test"
ASKED = "/api/v1/scan"
ALLOWED = "access-control-allow-origin"


def preflight(world: World, path: str, origin: str, *, host: str = "api.test", method: str = "POST") -> Reply:
    headers = [
        ("origin", origin),
        ("access-control-request-method", method),
        ("access-control-request-headers", "authorization,content-type"),
    ]
    return world.ask(path, host=host, method="OPTIONS", headers=headers)


@pytest.mark.parametrize("path", [ASKED, "/api/v1/scan/fast", "/api/v1/auth/refresh", "/api/v1/user/me"])
def test_preflights_are_answered_by_the_gateway_without_a_token(gateway: World, path: str) -> None:
    before = {name: len(service.arrived) for name, service in gateway.services.items()}
    reply = preflight(gateway, path, APP)
    assert (reply.status, reply.value(ALLOWED), reply.value("access-control-allow-credentials")) == (200, APP, "true")
    assert "POST" in (reply.value("access-control-allow-methods") or "")
    assert set((reply.value("access-control-allow-headers") or "").split(",")) == {"authorization", "content-type"}
    assert reply.value("access-control-max-age") == "600"
    assert {name: len(service.arrived) for name, service in gateway.services.items()} == before


@pytest.mark.parametrize("origin", [EVIL, "http://app.test", "https://app.test.evil", "https://app.test:8443", "null"])
def test_other_origins_are_told_nothing(gateway: World, origin: str) -> None:
    assert preflight(gateway, ASKED, origin).status == 401
    for reply in (
        preflight(gateway, ASKED, origin),
        preflight(gateway, "/api/v1/auth/refresh", origin),
        gateway.ask(ASKED, host="api.test", headers=[("origin", origin)]),
        gateway.ask(ASKED, host="api.test", token=gateway.token(), headers=[("origin", origin)]),
    ):
        assert reply.value(ALLOWED) is None


def test_scripts_may_read_that_a_token_is_missing(gateway: World) -> None:
    for token in (None, "garbage", gateway.token(exp=1_700_000_000)):
        reply = gateway.ask(ASKED, host="api.test", token=token, headers=[("origin", APP)])
        assert (reply.status, reply.value(ALLOWED)) == (401, APP)
        assert reply.value("access-control-allow-credentials") == "true"


def test_scripts_may_read_what_the_mesh_refuses(gateway: World) -> None:
    token = gateway.token(iss="https://accounts.example.org")
    reply = gateway.ask(ASKED, host="api.test", token=token, headers=[("origin", APP)])
    assert (reply.status, reply.value(ALLOWED)) == (401, APP)


def test_scripts_may_read_answers(gateway: World) -> None:
    reply = gateway.ask(ASKED, host="api.test", token=gateway.token(), headers=[("origin", APP)])
    assert (reply.service, reply.value(ALLOWED)) == ("scan", APP)
    assert reply.value("access-control-expose-headers") == "x-request-id"
    reply = gateway.ask("/api/v1/auth/refresh", host="api.test", method="POST", headers=[("origin", APP)])
    assert (reply.service, reply.value(ALLOWED)) == ("auth", APP)


def test_a_host_without_cors_has_none(gateway: World) -> None:
    assert preflight(gateway, "/", APP, host="other.test").status == 401
    assert preflight(gateway, "/about", APP, host="other.test").value(ALLOWED) is None
    assert gateway.ask("/", host="other.test", token=gateway.token(), headers=[("origin", APP)]).value(ALLOWED) is None


def test_no_preflight_opens_a_closed_path(gateway: World) -> None:
    assert preflight(gateway, "/api/v1/internal/x", APP).status == 403
    assert preflight(gateway, "/nowhere", APP).status == 404
