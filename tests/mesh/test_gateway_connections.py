"""Why routes ask for the guard: policies come with connections, routes do not."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.api import Object
from support.mesh import entrance, load, rendering
from support.mesh.entrance import World
from support.mesh.mesh import Mesh
from support.mesh.rendering import ingress, rendered, route
from support.waits import eventually

pytestmark = pytest.mark.cluster

PATH = "/api/v1/scan"
FIRST = ingress("first", hosts=["other.test"], routes=[route("/", "grafana", public=True)])


@pytest.fixture(scope="module")
def world(new_mesh: Callable[..., Mesh]) -> Iterator[World]:
    with entrance.world(new_mesh) as made:
        made.open(FIRST)
        eventually(lambda: made.ask("/", host="other.test").service == "grafana")
        yield made


def added(name: str) -> Object:
    return ingress(name, hosts=[f"{name}.test"], routes=[route(PATH, "scan"), route("/free", "auth", public=True)])


def unguarded(objects: list[Object]) -> list[Object]:
    """The same routes, answering on any connection."""
    found = copy.deepcopy(objects)
    for each in found:
        if each["kind"] == "VirtualService":
            matches: list[dict[str, Any]] = [match for http in each["spec"]["http"] for match in http["match"]]
            for match in matches:
                match.pop("headers")
                match.pop("withoutHeaders", None)
    return found


def test_without_the_guard_an_open_connection_leads_past_the_policy(world: World) -> None:
    new = added("unguarded")
    with load.crowd() as crowd:
        old = crowd.stubborn(world.http, PATH, host="unguarded.test")
        fresh = crowd.fresh(world.http, PATH, host="unguarded.test")
        rendering.apply(world.mesh.api, unguarded(rendered(FIRST, new)))
        eventually(lambda: "401" in fresh.services)
        eventually(lambda: "scan" in old.services)
    rendering.remove(world.mesh.api, rendered(new))


def test_with_the_guard_it_does_not(world: World) -> None:
    new = added("guarded")
    with load.crowd() as crowd:
        old = crowd.stubborn(world.http, PATH, host="guarded.test")
        fresh = crowd.fresh(world.http, PATH, host="guarded.test")
        free = crowd.stubborn(world.http, "/free", host="guarded.test")
        world.open(FIRST, new)
        eventually(lambda: "401" in fresh.services)
        crowd.goes_on()
    assert fresh.services == {"404", "401"}
    assert old.services == {"404"}
    assert free.services == {"404"}
    assert world.ask(PATH, host="guarded.test", token=world.token()).service == "scan"
    assert world.ask("/free", host="guarded.test").service == "auth"
