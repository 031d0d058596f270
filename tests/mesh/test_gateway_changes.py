"""What the operator changes at a gateway while everybody is asking: nobody passes unasked, and no request is lost."""

import pytest
from mesh.changes import ASKED, STALE, bearer, opened, seen, settled, visitors
from support.api import Object
from support.mesh.load import Crowd
from support.mesh.operated import Operated
from support.mesh.rendering import ingress, route
from support.waits import eventually

pytestmark = pytest.mark.cluster


@pytest.mark.usefixtures("first")
def test_a_host_that_is_added_lets_nobody_in_unasked(operated: Operated, crowd: Crowd) -> None:
    made = ingress("more", hosts=["more.test"], routes=[route(ASKED, "scan")])
    opened(operated, made, host="more.test")
    visitors(crowd, operated.world, ASKED, "evenmore.test")
    operated.change(ingress("more", hosts=["more.test", "evenmore.test"], routes=[route(ASKED, "scan")]))
    eventually(lambda: operated.world.ask(ASKED, host="evenmore.test", token=operated.world.token()).service == "scan")
    crowd.goes_on()
    assert seen(crowd) - STALE == {"401"}


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize("before", ["below it", "at it"])
def test_what_is_no_longer_public_lets_nobody_in_unasked(operated: Operated, crowd: Crowd, before: str) -> None:
    name = before.replace(" ", "")
    host = f"{name}.test"
    public, asked = route("/a", "auth", public=True), route("/a/b", "scan")
    former = [public, *([route("/a/b", "auth", public=True)] if before == "at it" else [])]
    opened(operated, ingress(name, hosts=[host], routes=former), host=host, path="/a/b", service="auth")
    visitors(crowd, operated.world, "/a/b", host)
    good = crowd.fresh(operated.world.http, "/a/b", host=host, headers=bearer(operated.world))
    crowd.goes_on(10)
    operated.change(ingress(name, hosts=[host], routes=[public, asked]))
    eventually(lambda: operated.world.ask("/a/b", host=host, token=operated.world.token()).service == "scan")
    crowd.goes_on()
    # Until then it was public, at the other domain.
    assert [*dict.fromkeys(reply.service for reply in good.replies)] == ["auth", "scan"]
    crowd.dismiss(good)
    assert seen(crowd) - STALE == {"auth", "401"}


@pytest.mark.usefixtures("first")
def test_a_host_below_a_wildcard_belongs_to_whoever_has_the_wildcard(operated: Operated) -> None:
    # Its policies match by the same wildcard: they would decide about the other's requests, too.
    wide = ingress("wide", hosts=["*.web.test"], routes=[route("/", "chat")])
    opened(operated, wide, host="a.web.test", path="/", service="chat")
    own = ingress("own", hosts=["own.web.test", "aside.test"], routes=[route("/", "auth", public=True)])
    operated.create(own)
    eventually(lambda: operated.world.ask("/", host="aside.test").service == "auth")
    eventually(lambda: operated.condition(own, "Accepted")["reason"] == "HostClaimed", within=10)
    operated.delete(wide)
    eventually(lambda: operated.world.ask("/", host="own.web.test").service == "auth")


@pytest.mark.usefixtures("first")
def test_a_route_waits_for_its_domain_and_the_others_do_not(operated: Operated, crowd: Crowd) -> None:
    made = ingress("early", hosts=["early.test"], routes=[route("/", "my"), route("/late", "late")])
    world, good = operated.world, bearer(operated.world)
    operated.create(made)
    eventually(lambda: world.ask("/", host="early.test", headers=good).service == "my")
    eventually(lambda: operated.condition(made, "RoutesResolved")["reason"] == "DomainMissing")
    assert world.ask("/late", host="early.test", headers=good).reason == "unavailable"
    visitors(crowd, world, "/late", "early.test")
    asked = crowd.fresh(world.http, "/late", host="early.test", headers=good)
    with operated.service("late"):
        eventually(lambda: world.ask("/late", host="early.test", headers=good).service == "late")
        asked.goes_on()
        # Once it is there, it stays.
        assert [*dict.fromkeys(reply.service for reply in asked.replies)] == ["503", "late"]
    crowd.dismiss(asked)
    assert seen(crowd) - STALE == {"401"}


def test_changes_of_others_lose_no_request(operated: Operated, first: Object, crowd: Crowd) -> None:
    world, good = operated.world, bearer(operated.world)
    secure = {"tls": world.certificate.trusting()}
    for path, headers, service in (("/", [], "grafana"), ("/asked", good, "chat")):
        for port, options in ((world.http, {}), (world.https, secure)):
            crowd.polite(port, path, host="api.test", headers=headers, **options)
            crowd.fresh(port, path, host="api.test", headers=headers, **options)
        assert world.ask(path, host="api.test", headers=headers).service == service
    busy = ingress("busy", hosts=["busy.test"], routes=[route(ASKED, "scan")])
    opened(operated, busy, host="busy.test")
    for routes in (
        [route(ASKED, "scan"), route("/more", "my")],
        [route(ASKED, "scan"), route("/more", "my", public=True)],
        [route(ASKED, "scan"), route("/more"), route("/most", "my")],
    ):
        changed = ingress("busy", hosts=["busy.test"], routes=routes, cors={"allowOrigins": ["https://busy.test"]})
        operated.change(changed)
        settled(operated, changed)
    eventually(lambda: world.ask("/more", host="busy.test").status == 403)
    # In its own entrance a route appears.
    spec = {**first["spec"], "routes": [*first["spec"]["routes"], route("/asked/too", "my")]}
    operated.change({**first, "spec": spec})
    eventually(lambda: world.ask("/asked/too", host="api.test", headers=good).service == "my")
    operated.delete(busy)
    eventually(lambda: operated.is_gone(busy))
    crowd.goes_on()
    lost = {visitor.name: [reply for reply in visitor.replies if reply.status != 200] for visitor in crowd.visitors}
    assert not any(lost.values()), {name: (len(replies), replies[:3]) for name, replies in lost.items() if replies}
    assert seen(crowd) == {"grafana", "chat"}
