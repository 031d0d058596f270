"""Paths and header names that mean one thing to the gateway and another to the service, if nobody takes care."""

import pytest
from support.mesh.entrance import World
from support.mesh.visitor import Line

pytestmark = pytest.mark.cluster

HOST = "api.test"


@pytest.mark.parametrize(
    ("path", "arrives"),
    [
        ("/api/v1//scan", "/api/v1/scan"),
        ("//api///v1//scan", "/api/v1/scan"),
        ("/api/v1/scan//task", "/api/v1/scan/task"),
        ("/api/v1/auth/../scan", "/api/v1/scan"),
        ("/api/v1/auth/%2e%2e/scan", "/api/v1/scan"),
        ("/api/v1/auth/%2E%2e/scan", "/api/v1/scan"),
        ("/api/v1/auth/.%2e//scan", "/api/v1/scan"),
        ("/api/v1/docs/./../auth/../scan", "/api/v1/scan"),
        ("/api/v1/sc%61n", "/api/v1/scan"),
        ("/api/v1/scan#/../auth", "/api/v1/scan"),
        ("/api/v1/auth/me/photo/../x", "/api/v1/auth/me/x"),
    ],
)
def test_what_is_decided_about_is_what_arrives(gateway: World, path: str, arrives: str) -> None:
    assert gateway.ask(path, host=HOST).status == 401
    reply = gateway.ask(path, host=HOST, token=gateway.token())
    assert reply.said["path"] == arrives


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/auth/..%2fscan",
        "/api/v1/auth/..%2Fscan",
        "/api/v1/auth%2F..%2Fscan",
        "/api/v1/auth/%2e%2e%2fscan",
        "/api/v1/auth/..%5cscan",
        "/api/v1/auth%5C..%5Cscan",
        "/api/v1%2finternal/x",
        "/api/v1/scan%2Ftask",
        "/api/v1/scan%00",
    ],
)
def test_hidden_slashes_are_refused(gateway: World, path: str) -> None:
    before = sum(len(service.arrived) for service in gateway.services.values())
    for token in (None, gateway.token()):
        assert gateway.ask(path, host=HOST, token=token).status == 400
    assert sum(len(service.arrived) for service in gateway.services.values()) == before


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/auth/../internal/x",
        "/api/v1//internal//x",
        "/api/v1/int%65rnal/x",
        "/api/v1/docs/%2e%2e/internal",
        "/api/v1/internal/status/../x",
    ],
)
def test_a_denied_path_stays_denied_however_it_is_written(gateway: World, path: str) -> None:
    for token in (None, gateway.token()):
        assert gateway.ask(path, host=HOST, token=token).status == 403


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/auth;/../scan",
        "/api/v1/auth/..;/scan",
        "/api/v1/auth/%252e%252e/scan",
        "/api/v1/auth/%252e%252e%252fscan",
        "/api/v1/auth/.../scan",
        "/api/v1/auth?/../scan",
        "/api/v1/auth#/../scan",
    ],
)
def test_what_looks_like_a_way_out_of_a_public_path_is_none(gateway: World, path: str) -> None:
    before = len(gateway.services["scan"].arrived)
    reply = gateway.ask(path, host=HOST)
    assert reply.service in ("auth", "400", "401", "404")
    assert len(gateway.services["scan"].arrived) == before


def test_the_query_is_no_part_of_the_path(gateway: World) -> None:
    for query in ("a=/api/v1/auth", "/../../auth", "x=%2F..%2Fauth", "a=//"):
        assert gateway.ask(f"/api/v1/scan?{query}", host=HOST).status == 401
        assert gateway.ask(f"/api/v1/scan?{query}", host=HOST, token=gateway.token()).said["path"].endswith(query)
        assert gateway.ask(f"/api/v1/auth?{query}", host=HOST).service == "auth"


@pytest.mark.parametrize(
    "name", ["x_user_id", "X_User_Id", "x-user_id", "x_auth-provider", "x_eco2_guard", "any_thing"]
)
def test_names_with_underscores_are_refused(gateway: World, name: str) -> None:
    before = sum(len(service.arrived) for service in gateway.services.values())
    for path in ("/api/v1/auth/login", "/api/v1/scan"):
        reply = gateway.ask(path, host=HOST, token=gateway.token(), headers=[(name, "admin")])
        assert reply.status == 400
    assert sum(len(service.arrived) for service in gateway.services.values()) == before


@pytest.mark.parametrize("name", ["X-USER-ID", "x-User-iD"])
def test_a_name_is_the_same_in_any_case(gateway: World, name: str) -> None:
    reply = gateway.ask("/api/v1/auth/login", host=HOST, headers=[(name, "admin"), ("X-Other", "kept")])
    assert (reply.got("x-user-id"), reply.got("x-other")) == ([], ["kept"])
    reply = gateway.ask(
        "/api/v1/scan", host=HOST, headers=[(name, "admin"), ("AUTHORIZATION", f"bearer {gateway.token('u')}")]
    )
    assert reply.got("x-user-id") == ["u"]


@pytest.mark.parametrize(
    "request_line",
    [
        "GET http://api.test/api/v1/scan HTTP/1.1",
        "GET http://grafana.test/api/v1/scan HTTP/1.1",
        "GET /api/v1/scan HTTP/1.0",
    ],
)
def test_no_form_of_a_request_comes_past(gateway: World, request_line: str) -> None:
    before = len(gateway.services["scan"].arrived)
    with Line(gateway.http) as line:
        reply = line.exchange(f"{request_line}\r\nhost: {HOST}\r\n\r\n".encode())
    assert reply.status in (301, 400, 401, 426)
    assert len(gateway.services["scan"].arrived) == before


def test_two_hosts_are_refused(gateway: World) -> None:
    with Line(gateway.http) as line:
        octets = f"GET /api/v1/scan HTTP/1.1\r\nhost: grafana.test\r\nhost: {HOST}\r\n\r\n".encode()
        assert line.exchange(octets).status in (400, 404)
