"""Which domain answers: by host and by path, whatever the order of the file."""

import pytest
from support.mesh.entrance import World

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/api/v1/scan", "scan"),
        ("/api/v1/scan/", "scan"),
        ("/api/v1/scan/task/7?x=1", "scan"),
        ("/api/v1/scan/fast", "chat"),
        ("/api/v1/scan/fast/er", "chat"),
        ("/api/v1/scan/faster", "scan"),
        ("/api/v1/auth/google/login", "auth"),
        ("/api/v1/auth/me", "my"),
        ("/api/v1/auth/me/photo/1", "scan"),
        ("/api/v1/internal/status", "my"),
        ("/api/v1/lost/found", "my"),
    ],
)
def test_the_longest_path_wins(gateway: World, path: str, service: str) -> None:
    reply = gateway.ask(path, host="api.test", token=gateway.token())
    assert (reply.service, reply.said["path"]) == (service, path)


@pytest.mark.parametrize("host", ["api.test", "API.test", "api.test:80", "api.test:8443"])
def test_the_host_is_the_same_with_a_port_and_in_any_case(gateway: World, host: str) -> None:
    assert gateway.ask("/api/v1/scan", host=host, token=gateway.token()).service == "scan"
    assert gateway.ask("/api/v1/scan", host=host).status == 401
    assert gateway.ask("/api/v1/internal/x", host=host).status == 403


@pytest.mark.parametrize(
    ("host", "service"),
    [("other.test", "chat"), ("a.web.test", "chat"), ("b.a.web.test:80", "chat"), ("grafana.test", "301")],
)
def test_hosts_lead_to_their_own_routes(gateway: World, host: str, service: str) -> None:
    assert gateway.ask("/api/v1/scan", host=host, token=gateway.token()).service == service


@pytest.mark.parametrize("host", ["nobody.test", "web.test", "api.test.", "xapi.test", "api.test.web.test.evil", "api"])
def test_nobody_answers_for_another_host(gateway: World, host: str) -> None:
    assert gateway.ask("/api/v1/scan", host=host, token=gateway.token()).status == 404


@pytest.mark.parametrize("host", ["a.web.test:1", "a.web.test:8080"])
def test_a_wildcard_host_with_an_odd_port_leads_nowhere(gateway: World, host: str) -> None:
    for token in (None, gateway.token()):
        assert gateway.ask("/", host=host, token=token).status == 404
    assert gateway.ask("/about", host=host).status == 404


@pytest.mark.parametrize("path", ["/", "/api", "/api/v1/scanx", "/api/v1/docsx", "/api/v1/authentic", "/API/v1/scan"])
def test_an_unclaimed_path_is_not_found_with_and_without_a_token(gateway: World, path: str) -> None:
    for token in (None, gateway.token()):
        assert gateway.ask(path, host="api.test", token=token).status == 404


@pytest.mark.parametrize("path", ["/api/v1/internal", "/api/v1/internal/x", "/api/v1/internal/statusx"])
def test_a_denied_path_is_refused_for_everybody(gateway: World, path: str) -> None:
    before = len(gateway.services["my"].arrived)
    for token in (None, gateway.token()):
        assert gateway.ask(path, host="api.test", token=token).status == 403
    assert gateway.ask("/about/staff/1", host="other.test").status == 403
    assert len(gateway.services["my"].arrived) == before


def test_a_route_without_its_domain_is_unavailable_and_no_shorter_one_takes_it(gateway: World) -> None:
    assert gateway.ask("/api/v1/lost", host="api.test").status == 401
    reply = gateway.ask("/api/v1/lost/x", host="api.test", token=gateway.token())
    assert (reply.status, reply.reason) == (503, "unavailable")
    assert reply.value("content-type") == "application/json"


def test_the_prefix_is_rewritten(gateway: World) -> None:
    paths = {"/api/v1/user": "/people", "/api/v1/user/": "/people/", "/api/v1/user/me?a=b": "/people/me?a=b"}
    for path, rewritten in paths.items():
        reply = gateway.ask(path, host="api.test", token=gateway.token())
        assert (reply.service, reply.said["path"]) == ("my", rewritten)
        assert gateway.ask(path, host="api.test").status == 401


def test_https_has_the_same_routes(gateway: World) -> None:
    token = [("authorization", f"Bearer {gateway.token()}")]
    assert gateway.secure("/api/v1/scan", host="api.test", headers=token).service == "scan"
    assert gateway.secure("/api/v1/scan", host="api.test").status == 401
    assert gateway.secure("/api/v1/auth", host="api.test").service == "auth"
    assert gateway.secure("/api/v1/internal", host="api.test", headers=token).status == 403
    assert gateway.secure("/", host="grafana.test").service == "grafana"


def test_a_connection_for_one_host_reaches_no_other(gateway: World) -> None:
    # Browsers use one connection for several hosts when the certificate names them.
    assert gateway.secure("/", name="api.test", host="grafana.test").status == 404
    assert gateway.secure("/api/v1/scan", name="grafana.test", host="api.test").status == 404
    # other.test has no HTTPS.
    assert gateway.secure("/about", host="other.test").status == 0


def test_plain_http_is_redirected_where_it_was_asked_for(gateway: World) -> None:
    reply = gateway.ask("/d/1?x=2", host="grafana.test")
    assert (reply.status, reply.value("location")) == (301, "https://grafana.test/d/1?x=2")
