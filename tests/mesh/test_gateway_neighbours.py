"""Two EcoIngresses on one gateway do not change each other's answers."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mesh import entrances
from mesh.entrances import APP
from support.api import Object
from support.authz.envoy_tokens import KeysEndpoint, rsa
from support.mesh import entrance, rendering
from support.mesh.entrance import World, cookie
from support.mesh.mesh import Mesh
from support.mesh.rendering import ingress, route
from support.waits import eventually

from eco2_testcluster.ports import free_ports

pytestmark = pytest.mark.cluster

PATHS = (
    "/",
    "/api/v1/scan",
    "/api/v1/scan/fast",
    "/api/v1/auth/login",
    "/api/v1/auth/me",
    "/api/v1/auth/me/photo",
    "/api/v1/internal",
    "/api/v1/internal/status",
    "/api/v1/lost",
    "/nowhere",
    "/about",
    "/about/staff",
)
HOSTS = ("api.test", "other.test", "a.web.test")


@pytest.fixture(scope="module")
def world(new_mesh: Callable[..., Mesh]) -> Iterator[World]:
    with entrance.world(new_mesh) as made:
        yield made


@pytest.fixture(scope="module")
def keys() -> Iterator[KeysEndpoint]:
    """Keys of somebody else."""
    with KeysEndpoint(rsa("other").jwks(), port=free_ports(1)[0]) as endpoint:
        endpoint.start()
        yield endpoint


def contrary(keys: KeysEndpoint) -> Object:
    """Whatever the others have, it has differently, for the same paths on hosts of its own."""
    return ingress(
        "contrary",
        namespace="istio-ingress",
        hosts=["contrary.test", "*.contrary.test"],
        routes=[
            route("/", "grafana", public=True),
            route("/api/v1/scan", "grafana", public=True),
            route("/api/v1/auth"),
            route("/api/v1/internal", "grafana", public=True),
            route("/about", "grafana"),
            route("/api/v1/docs"),
        ],
        auth={"cookie": "theme", "jwt": {"issuer": "https://contrary.test", "jwksUri": keys.url}},
        cors={"allowOrigins": ["https://contrary.app.test"], "maxAge": "1m"},
    )


def answers(world: World, tokens: dict[str, str]) -> dict[tuple[str, ...], Any]:
    """What every kind of visitor gets."""
    found: dict[tuple[str, ...], Any] = {}
    for host in HOSTS:
        for path in PATHS:
            for name, token in tokens.items():
                for where in ("header", "cookie"):
                    sent = [("authorization", f"Bearer {token}") if where == "header" else cookie(token)]
                    headers = [*sent, ("origin", APP), ("x-user-id", "admin")] if token else [("origin", APP)]
                    reply = world.ask(path, host=host, headers=headers)
                    who = reply.got("x-user-id") if reply.status == 200 else reply.reason
                    allowed = reply.value("access-control-allow-origin")
                    found[host, path, name, where] = (reply.service, who, allowed)
            asked = [("origin", APP), ("access-control-request-method", "GET")]
            reply = world.ask(path, host=host, method="OPTIONS", headers=asked)
            found[host, path, "preflight"] = (reply.status, reply.value("access-control-allow-origin"))
    return found


def test_a_neighbour_changes_nothing(world: World, keys: KeysEndpoint) -> None:
    own = (entrances.api(world.keys.url), entrances.web())
    tokens = {"good": world.token("user-7"), "expired": world.token(exp=1_700_000_000), "garbage": "x.y.z", "none": ""}
    world.open(*own)
    eventually(lambda: world.ask("/api/v1/scan", host="api.test", token=tokens["good"]).status == 200)
    eventually(lambda: world.ask("/", host="a.web.test", token=tokens["good"]).status == 200)
    alone = answers(world, tokens)
    assert {service for service, *_ in alone.values()} >= {"scan", "auth", "my", "chat", "grafana", "401", "403", "404"}

    world.open(*own, contrary(keys))
    eventually(lambda: world.ask("/about", host="contrary.test").status == 401)
    eventually(lambda: world.ask("/api/v1/scan", host="a.contrary.test").service == "grafana")
    assert world.ask("/api/v1/auth", host="contrary.test", token=tokens["good"]).status == 403
    assert world.ask("/about", host="contrary.test", token=tokens["good"]).status == 401
    assert answers(world, tokens) == alone

    rendering.remove(world.mesh.api, rendering.rendered(*own, contrary(keys)), but=rendering.rendered(*own))
    world.open(*own)
    eventually(lambda: world.ask("/", host="contrary.test").status == 404)
    assert answers(world, tokens) == alone


def test_an_own_cookie_of_the_neighbour_is_no_token_here(world: World, keys: KeysEndpoint) -> None:
    own = entrances.api(world.keys.url)
    world.open(own, contrary(keys))
    eventually(lambda: world.ask("/about", host="contrary.test").status == 401)
    eventually(lambda: world.ask("/api/v1/scan", host="api.test").status == 401)
    theme = [("cookie", f"theme={world.token()}")]
    assert world.ask("/api/v1/scan", host="api.test", headers=theme).status == 401


def test_nobody_else_gets_onto_a_host(world: World) -> None:
    """A VirtualService of another namespace names our Gateway and our host."""
    own = entrances.api(world.keys.url)
    world.open(own)
    eventually(lambda: world.ask("/api/v1/auth", host="api.test").status == 200)
    routes = next(each for each in rendering.rendered(own) if each["kind"] == "VirtualService")
    stolen = {
        "apiVersion": routes["apiVersion"],
        "kind": routes["kind"],
        "metadata": {"name": "thief", "namespace": "chat"},
        "spec": {
            "hosts": ["api.test", "thief.test"],
            "gateways": routes["spec"]["gateways"],
            "http": [{"route": [{"destination": {"host": "chat.chat.svc.cluster.local", "port": {"number": 80}}}]}],
        },
    }
    rendering.apply(world.mesh.api, [stolen])
    # Routes that are written later are there: so istiod has read these.
    world.open(own, ingress("late", hosts=["late.test"], routes=[route("/", "grafana", public=True)]))
    eventually(lambda: world.ask("/", host="late.test").service == "grafana")
    for path in ("/nowhere", "/", "/stolen"):
        assert world.ask(path, host="api.test").status == 404
        assert world.ask(path, host="thief.test").status == 404
    assert world.ask("/api/v1/auth", host="api.test").service == "auth"


def test_the_clients_address_is_what_trusted_proxies_say(world: World) -> None:
    own = entrances.api(world.keys.url)
    forged = [("x-forwarded-for", "203.0.113.9, 198.51.100.7"), ("x-envoy-external-address", "203.0.113.9")]

    def address() -> list[str]:
        return world.ask("/api/v1/docs", host="api.test", headers=forged).got("x-envoy-external-address")

    world.open(own)
    eventually(lambda: address() == ["127.0.0.1"])
    world.open(own, trusted_hops=1)
    eventually(lambda: address() == ["198.51.100.7"])
