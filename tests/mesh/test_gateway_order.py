"""In which order the operator opens and closes an entrance: whatever happens, no request passes unasked."""

import pytest
from mesh.changes import ASKED, STALE, opened, seen, settled, visitors
from support.mesh.load import Crowd
from support.mesh.operated import Operated
from support.mesh.rendering import ingress, route
from support.waits import eventually

pytestmark = pytest.mark.cluster


@pytest.mark.usefixtures("first")
def test_an_entrance_that_appears_lets_nobody_in_unasked(operated: Operated, crowd: Crowd) -> None:
    made = ingress("new", hosts=["new.test"], routes=[route(ASKED, "scan"), route("/closed")])
    for path in (ASKED, "/closed"):
        visitors(crowd, operated.world, path, "new.test")
    opened(operated, made, host="new.test")
    crowd.goes_on()
    assert seen(crowd) - STALE == {"401", "403"}


@pytest.mark.usefixtures("first")
def test_an_entrance_that_goes_lets_nobody_in_unasked(operated: Operated, crowd: Crowd) -> None:
    made = ingress(
        "old", hosts=["old.test"], routes=[route(ASKED, "scan"), route("/closed"), route("/open", "auth", public=True)]
    )
    opened(operated, made, host="old.test")
    for path in (ASKED, "/closed"):
        visitors(crowd, operated.world, path, "old.test")
    crowd.goes_on(10)
    operated.delete(made)
    eventually(lambda: operated.is_gone(made))
    crowd.goes_on()
    assert seen(crowd) - STALE == {"401", "403"}
    assert operated.world.ask("/open", host="old.test").status == 404


@pytest.mark.usefixtures("first")
def test_an_operator_that_is_killed_midway_leaves_nothing_open(operated: Operated, crowd: Crowd) -> None:
    made = ingress("halfway", hosts=["halfway.test"], routes=[route(ASKED, "scan")])
    visitors(crowd, operated.world, ASKED, "halfway.test")
    operated.create(made)
    eventually(lambda: "platform-system-halfway" in operated.at_the_gateway())
    operated.operator.kill()
    crowd.goes_on(20)
    operated.operator.start()
    eventually(lambda: operated.world.ask(ASKED, host="halfway.test", token=operated.world.token()).status == 200)
    crowd.goes_on(20)
    operated.delete(made)
    eventually(lambda: not operated.has_routes(made))
    operated.operator.kill()
    crowd.goes_on(20)
    operated.operator.start()
    eventually(lambda: operated.is_gone(made))
    crowd.goes_on(20)
    assert seen(crowd) - STALE == {"401"}


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize("known", [False, True], ids=["that is new", "that is there already"])
def test_a_host_that_moves_to_another_entrance_lets_nobody_in_unasked(
    operated: Operated, crowd: Crowd, known: bool
) -> None:
    host, own = f"moving-{known}.test".lower(), ["next.test"] if known else []
    former = ingress(
        f"former-{known}".lower(), hosts=[host], routes=[route(ASKED, "scan"), route("/was", "auth", public=True)]
    )
    # What was public there is asked about here.
    heir = ingress(f"heir-{known}".lower(), hosts=[*own, host], routes=[route(ASKED, "my"), route("/was", "my")])
    opened(operated, former, host=host)
    operated.create(heir)
    eventually(lambda: operated.condition(heir, "Accepted")["reason"] == "HostClaimed")
    if known:
        eventually(lambda: operated.world.ask(ASKED, host="next.test", token=operated.world.token()).service == "my")
        settled(operated, heir)
    visitors(crowd, operated.world, ASKED, host)
    visitors(crowd, operated.world, "/was", host)
    crowd.goes_on(10)
    operated.delete(former)
    eventually(lambda: operated.world.ask("/was", host=host, token=operated.world.token()).service == "my")
    crowd.goes_on()
    assert seen(crowd) - STALE == {"401", "auth"}
    operated.delete(heir)
    eventually(lambda: operated.is_gone(heir))
