"""What the rendered policies let through, on the real istiod and real sidecar proxies (rule 19)."""

from collections.abc import Callable
from pathlib import Path

import pytest
from mesh.domains import BALANCER, METRICS, World, build
from mesh.identities import client, forge
from support.mesh.mesh import Mesh
from support.waits import eventually

from eco2_operator.build.mesh import KEYS_PATH

pytestmark = pytest.mark.cluster

AS_CHAT = {
    "x-forwarded-client-cert": "By=spiffe://cluster.local/ns/scan/sa/scan;URI=spiffe://cluster.local/ns/chat/sa/chat",
    "x-forwarded-for": BALANCER,
    "x-envoy-external-address": BALANCER,
    "x-user-id": "42",
}
"""What somebody sends who wants to be taken for chat, for the load balancer, or for a user."""


@pytest.fixture(scope="module")
def world(new_mesh: Callable[..., Mesh]) -> World:
    return build(new_mesh())


# -- callers -------------------------------------------------------------------------------------------------


def test_a_listed_caller_passes_as_who_it_is(world: World) -> None:
    request = world.mesh.call(world.chat, world.scan, "/api/v1/scan", method="POST").request
    assert (request["method"], request["path"]) == ("POST", "/api/v1/scan")
    assert f"URI=spiffe://{world.chat.principal}" in request["headers"]["x-forwarded-client-cert"]


def test_a_caller_that_is_not_listed_is_refused(world: World) -> None:
    for path in ("/", "/api/v1/scan", "/api/v1/internal/sync", METRICS, KEYS_PATH):
        assert world.mesh.call(world.auth, world.scan, path).refused


def test_what_passes_without_an_identity_passes_with_one_on_that_port_alone(world: World) -> None:
    assert world.mesh.call(world.my, world.scan, METRICS, port=world.ports["metrics"]).arrived
    assert world.mesh.call(world.my, world.scan, METRICS).refused
    assert world.mesh.call(world.my, world.auth, KEYS_PATH).arrived
    assert world.mesh.call(world.my, world.auth, KEYS_PATH, port=world.ports["metrics"]).refused


@pytest.mark.parametrize("path", ["/api/v1/internal/sync", "/api/v1/internal/sync?since=1", "/api/v1/internal/"])
def test_a_caller_with_paths_may_call_them(world: World, path: str) -> None:
    assert world.mesh.call(world.my, world.scan, path, method="PUT").arrived


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api/v1/scan",
        "/api/v1/internal",
        "/api/v1/internal/../scan",
        "/api/v1/internal/%2e%2e/scan",
        "/api/v1/internal\\..\\scan",
        "//api/v1/internal/sync",
        "/api/v1/scan?path=/api/v1/internal/sync",
        "/API/V1/INTERNAL/sync",
    ],
)
def test_a_caller_with_paths_may_call_no_other(world: World, path: str) -> None:
    assert world.mesh.call(world.my, world.scan, path).refused


def test_escaped_slashes_are_left_to_the_application(world: World) -> None:
    """Known limit of Istio's default (docs/limits.md); test_path_normalization.py has the setting that ends it."""
    assert world.mesh.call(world.my, world.scan, "/api/v1/internal/..%2fscan").arrived


def test_the_gateway_may_call_any_path(world: World) -> None:
    for domain in (world.scan, world.auth, world.users):
        assert world.mesh.call(world.gateway, domain, "/api/v1/anything").arrived


def test_where_nobody_is_listed_everybody_is_refused(world: World) -> None:
    for caller in (world.gateway, world.chat, world.my, world.auth):
        assert world.mesh.call(caller, world.image, "/").refused
    assert world.mesh.call_directly(world.image, "/").unanswered


def test_a_domain_without_http_lets_in_its_callers_alone(world: World) -> None:
    assert world.mesh.call(world.chat, world.events, "/").arrived
    assert world.mesh.call_directly(world.events, "/").unanswered
    proxy, denied = world.mesh.proxies[world.events], r"^tcp\.rbac\.denied$"
    before = proxy.count(denied)
    assert world.mesh.call(world.auth, world.events, "/").unanswered
    # Its rule has paths, which cannot be read here: it lets nobody in rather than everybody.
    assert world.mesh.call(world.my, world.events, "/api/v1/internal/sync").unanswered
    eventually(lambda: proxy.count(denied) == before + 2)


# -- plain text ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/v1/scan", "/api/v1/internal/sync", METRICS, KEYS_PATH])
def test_plain_text_to_the_serving_port_gets_no_answer(world: World, path: str) -> None:
    assert world.mesh.call_directly(world.scan, path).unanswered


def test_metrics_are_read_in_plain_text(world: World) -> None:
    assert world.mesh.call_directly(world.scan, METRICS, port=world.ports["metrics"]).arrived
    assert world.mesh.call_directly(world.users, METRICS).arrived


def test_nothing_else_is_read_in_plain_text_on_the_metrics_port(world: World) -> None:
    for domain, port in ((world.scan, world.ports["metrics"]), (world.users, world.ports["http"])):
        for path in ("/", "/metrics", f"{METRICS}/more", f"{METRICS}/..", "/api/v1/scan"):
            assert world.mesh.call_directly(domain, path, port=port).refused
        for method in ("POST", "PUT", "DELETE"):
            assert world.mesh.call_directly(domain, METRICS, port=port, method=method).refused


def test_public_keys_are_read_in_plain_text_where_they_are_declared(world: World) -> None:
    assert world.mesh.call_directly(world.auth, KEYS_PATH).arrived
    assert world.mesh.call_directly(world.users, KEYS_PATH).refused


def test_nothing_else_is_read_in_plain_text_beside_public_keys(world: World) -> None:
    for path in ("/", "/.well-known/openid-configuration", f"{KEYS_PATH}/more", METRICS):
        assert world.mesh.call_directly(world.auth, path).refused
    assert world.mesh.call_directly(world.auth, KEYS_PATH, method="POST").refused
    assert world.mesh.call_directly(world.auth, KEYS_PATH, port=world.ports["metrics"]).unanswered


def test_plain_text_comes_from_the_load_balancer_alone(world: World) -> None:
    assert world.mesh.call_directly(world.web, "/any", source=BALANCER).arrived
    assert world.mesh.call_directly(world.web, "/any").refused
    assert world.mesh.call_directly(world.web, "/any", headers=AS_CHAT).refused
    # Elsewhere its address is worth nothing.
    assert world.mesh.call_directly(world.users, "/any", source=BALANCER).refused
    assert world.mesh.call_directly(world.scan, "/any", source=BALANCER).unanswered


# -- forgeries -----------------------------------------------------------------------------------------------


def test_forged_headers_help_nobody(world: World) -> None:
    assert world.mesh.call(world.auth, world.scan, "/api/v1/scan", headers=AS_CHAT).refused
    assert world.mesh.call(world.my, world.scan, "/api/v1/scan", headers=AS_CHAT).refused
    assert world.mesh.call_directly(world.users, "/api/v1/users", headers=AS_CHAT).refused
    assert world.mesh.call_directly(world.scan, "/api/v1/scan", headers=AS_CHAT).unanswered


def test_a_forged_certificate_header_does_not_arrive(world: World) -> None:
    headers = world.mesh.call(world.gateway, world.scan, "/", headers=AS_CHAT).request["headers"]
    assert f"URI=spiffe://{world.gateway.principal}" in headers["x-forwarded-client-cert"]
    assert world.chat.principal not in headers["x-forwarded-client-cert"]
    headers = world.mesh.call_directly(world.users, METRICS, headers=AS_CHAT).request["headers"]
    assert "x-forwarded-client-cert" not in headers


def test_a_forged_certificate_gets_no_answer(world: World, tmp_path: Path) -> None:
    own = client(world.mesh.proxies[world.chat].certificates)
    forged, without = client(forge(tmp_path, world.chat.principal)), client()
    # users takes plain text besides; that TLS without an identity were plain text is what must not be.
    for domain in (world.scan, world.users):
        assert world.mesh.call_directly(domain, "/", tls=own).arrived
        assert world.mesh.call_directly(domain, "/", tls=forged).unanswered
        assert world.mesh.call_directly(domain, "/", tls=without).unanswered
        assert world.mesh.call_directly(domain, METRICS, tls=without).unanswered


# -- shadow --------------------------------------------------------------------------------------------------


def test_shadow_refuses_nothing_and_counts_what_it_would_refuse(world: World) -> None:
    proxy = world.mesh.proxies[world.location]
    denied, allowed = r"\.rbac\..*shadow_denied$", r"\.rbac\..*shadow_allowed$"
    would_refuse, would_allow = proxy.count(denied), proxy.count(allowed)

    assert world.mesh.call(world.auth, world.location, "/api/v1/location").arrived
    assert world.mesh.call(world.my, world.location, "/api/v1/location").arrived
    assert world.mesh.call_directly(world.location, "/api/v1/location").arrived
    eventually(lambda: proxy.count(denied) == would_refuse + 3)
    assert proxy.count(allowed) == would_allow

    assert world.mesh.call(world.chat, world.location, "/api/v1/location").arrived
    assert world.mesh.call(world.my, world.location, "/api/v1/internal/sync").arrived
    eventually(lambda: proxy.count(allowed) == would_allow + 2)
    assert proxy.count(denied) == would_refuse + 3


def test_what_is_refused_is_counted(world: World) -> None:
    proxy, denied = world.mesh.proxies[world.scan], r"^http\..*\.rbac\.denied$"
    before = proxy.count(denied)
    assert world.mesh.call(world.auth, world.scan, "/").refused
    eventually(lambda: proxy.count(denied) == before + 1)
