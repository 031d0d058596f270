"""EcoIngresses on an API server in memory: what is made, in which order it is changed and removed, and what is said."""

from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import eco_domain
from tests.unit.eco2_operator.reconcile.entrance_world import (
    GATE,
    HOST,
    KEY,
    OWN,
    ROUTES,
    SELECTOR,
    G,
    World,
    gateway_pod,
    ingress,
    ref_of,
)

from eco2_operator.build.entrance.envoy_filter import ref as filter_of
from eco2_operator.build.entrance.names import entrance_id, gateway_key
from eco2_operator.entrances import without_spec
from eco2_operator.errors import Forbidden, Unavailable
from eco2_operator.kinds import AUTHORIZATION_POLICY, ENVOY_FILTER, GATEWAY, INGRESS, SECRET, VIRTUAL_SERVICE, Kind
from eco2_operator.naming import Key, Manifest, Ref
from eco2_operator.reconcile.settling import SETTLE_SECONDS
from eco2_operator.reconcile.surroundings import MISSING_SECONDS

SCAN: Manifest = {"name": "scan", "namespace": "shop"}
PUBLIC: Manifest = {"path": "/pub", "domain": SCAN, "public": True}
BELOW: Manifest = {"path": "/pub/own", "domain": SCAN}
DENIED: Manifest = {"path": "/no", "deny": True}
POLICY = Ref(AUTHORIZATION_POLICY.group, AUTHORIZATION_POLICY.name, G, "web-api")
DENY = Ref(AUTHORIZATION_POLICY.group, AUTHORIZATION_POLICY.name, G, "web-api-deny")
GATES = Ref(GATEWAY.group, GATEWAY.name, G, "web-api")
ROUTED = Ref(VIRTUAL_SERVICE.group, VIRTUAL_SERVICE.name, OWN, "api")
STATUS = "apply EcoIngress/status web/api"


async def opened(**spec: Any) -> World:
    """An entrance that is open and has settled."""
    world = World()
    world.put(ingress(**spec))
    await world.settle()
    assert world.condition("Ready") == ("True", "Ready"), world.message("Ready")
    world.take()
    return world


def rules(world: World, ref: Ref = POLICY) -> list[Any]:
    found: list[Any] = world.api.objects[ref]["spec"]["rules"]
    return found


# -- opening -------------------------------------------------------------------------------------------------------


async def test_guards_come_first_and_routes_when_they_have_settled() -> None:
    world = World()
    world.put(ingress(routes=[*ROUTES, DENIED]))
    await world.step()
    assert world.take() == [
        "apply EcoIngress web/api",
        "apply Gateway istio-ingress/web-api",
        "apply AuthorizationPolicy istio-ingress/web-api",
        "apply AuthorizationPolicy istio-ingress/web-api-deny",
        STATUS,
    ]
    assert world.condition("Programmed") == ("False", "WaitingForGateway")
    assert world.condition("Reconciling") == ("True", "WaitingForGateway")
    assert world.states() == [("/scan", "Pending"), ("/no", "Denied")]
    world.clock.turn(SETTLE_SECONDS - 0.01)
    await world.step()
    assert world.take() == []
    world.clock.turn(0.01)
    await world.step()
    assert world.take() == [f"apply EnvoyFilter {G}/{filter_of(GATE).name}", "apply VirtualService web/api", STATUS]
    assert world.condition("Ready") == ("True", "Ready")
    assert world.states() == [("/scan", "Programmed"), ("/no", "Denied")]


async def test_the_finalizer_comes_before_anything_elsewhere_and_owns_nothing_of_the_spec() -> None:
    world = World()
    world.api.failures["apply", "EcoIngress"] = Unavailable("not now")
    world.put(ingress())
    await world.step()
    assert set(world.take()) == {"apply EcoIngress web/api"}
    assert world.kinds() == []
    world.api.failures.clear()
    await world.settle()
    assert world.is_held()
    assert world.api.owners(ref_of(KEY), ("spec", "hosts")) == {"kubectl-create"}


@pytest.mark.parametrize("kind", [GATEWAY, AUTHORIZATION_POLICY], ids=lambda kind: kind.name)
async def test_without_its_guards_there_is_no_route(kind: Kind) -> None:
    world = World()
    world.api.failures["apply", kind.name] = Forbidden("no")
    world.put(ingress())
    await world.settle()
    assert "VirtualService" not in world.kinds()
    assert "EnvoyFilter" not in world.kinds()
    assert world.condition("Ready") == ("False", "Forbidden")
    world.api.failures.clear()
    await world.settle()
    assert world.condition("Ready") == ("True", "Ready")


async def test_what_stands_in_the_way_of_the_gateways_filter_is_said_of_every_entrance() -> None:
    world = World()
    world.api.failures["apply", ENVOY_FILTER.name] = Forbidden("no filters here")
    world.put(ingress())
    await world.settle()
    assert world.condition("Programmed") == ("False", "Forbidden")
    assert world.message("Programmed") == "no filters here"
    world.api.failures.clear()
    await world.settle()
    assert world.condition("Ready") == ("True", "Ready")


# -- at rest -------------------------------------------------------------------------------------------------------


async def test_at_rest_nothing_is_read_or_written_and_nothing_is_waited_for() -> None:
    world = await opened(routes=[*ROUTES, PUBLIC, DENIED])
    world.api.reads.clear()
    world.clock.turn(100)
    await world.step()
    assert (world.api.reads, world.take(), world.timers) == ([], [], {})


async def test_a_restart_writes_nothing_and_shuts_nobody_out() -> None:
    world = await opened(routes=[*ROUTES, PUBLIC, DENIED])
    world.restart()
    for _ in range(4):
        await world.step()
        assert world.take() == []
        assert world.is_admitted()
        world.clock.turn(1)


async def test_a_restart_in_the_middle_goes_on_where_it_was() -> None:
    world = World()
    world.put(ingress())
    await world.step()
    world.restart()
    await world.settle()
    assert world.condition("Ready") == ("True", "Ready")


@pytest.mark.parametrize("ref", [GATES, POLICY, ROUTED], ids=lambda ref: ref.kind)
async def test_what_somebody_removes_is_made_again(ref: Ref) -> None:
    world = await opened()
    world.api.remove(ref)
    await world.settle()
    assert ref in world.api.objects
    assert world.condition("Ready") == ("True", "Ready")


async def test_a_filter_that_somebody_removes_is_made_again_at_once_with_everybody_in_it() -> None:
    world = await opened()
    world.api.remove(filter_of(GATE))
    await world.step()
    assert world.is_admitted()


async def test_a_filter_that_was_removed_while_nobody_looked_comes_back_when_the_guards_have_settled() -> None:
    world = await opened()
    world.api.remove(filter_of(GATE))
    world.restart()
    await world.step()
    assert filter_of(GATE) not in world.api.objects
    assert ROUTED in world.api.objects
    await world.settle()
    assert world.is_admitted()


# -- changes -------------------------------------------------------------------------------------------------------


async def test_an_asked_route_costs_one_write_of_the_routes_and_one_of_the_status() -> None:
    world = await opened(routes=[*ROUTES, PUBLIC])
    world.put(ingress(routes=[*ROUTES, PUBLIC, {"path": "/more", "domain": SCAN}]))
    await world.settle()
    assert world.take() == ["apply VirtualService web/api", STATUS]


async def test_a_change_of_policy_and_routes_asks_for_both_until_the_routes_have_settled() -> None:
    world = await opened(routes=[*ROUTES, PUBLIC, BELOW])
    before = rules(world)
    world.put(ingress(routes=[*ROUTES, PUBLIC, {"path": "/pub/new", "domain": SCAN}]))
    await world.step()
    routes_before = world.api.objects[ROUTED]["spec"]
    both = rules(world)
    assert all(rule in both for rule in before)
    assert len(both) > len(before)
    assert world.api.objects[ROUTED]["spec"] == routes_before  # the policies go first
    world.clock.turn(SETTLE_SECONDS)
    await world.step()
    assert world.api.objects[ROUTED]["spec"] != routes_before
    assert rules(world) == both
    await world.settle()
    after = rules(world)
    assert len(after) == len(before)
    assert not all(rule in after for rule in before)
    assert world.condition("Ready") == ("True", "Ready")
    assert world.timers == {}


async def test_the_gateway_says_of_a_change_what_old_and_new_routes_ask_until_the_old_are_gone() -> None:
    world = await opened(routes=[*ROUTES, PUBLIC])
    id_ = entrance_id(without_spec(world.live()))
    (old,) = world.gateways.said(GATE, id_)
    world.put(ingress(routes=[*ROUTES, {**PUBLIC, "path": "/open"}]))
    await world.step()
    assert world.gateways.said(GATE, id_) == {old}
    world.clock.turn(SETTLE_SECONDS)
    await world.step()
    assert old in world.gateways.said(GATE, id_)
    assert len(world.gateways.said(GATE, id_)) == 2
    both = rules(world)
    world.clock.turn(SETTLE_SECONDS)
    await world.step()
    (new,) = world.gateways.said(GATE, id_)
    assert new != old
    assert rules(world) == both  # the policies have to be true to what is said, also where that is old
    world.clock.turn(SETTLE_SECONDS)
    await world.step()
    assert len(rules(world)) < len(both)
    assert world.condition("Ready") == ("True", "Ready")
    assert world.timers == {}


async def test_a_restart_in_the_middle_of_a_change_loses_no_rule_too_early() -> None:
    world = await opened(routes=[*ROUTES, PUBLIC, BELOW])
    world.put(ingress(routes=[*ROUTES, PUBLIC]))
    await world.step()
    world.clock.turn(SETTLE_SECONDS)
    await world.step()
    both = rules(world)
    world.restart()
    await world.step()
    assert rules(world) == both
    await world.settle()
    assert len(rules(world)) == 1


async def test_a_denied_path_that_is_opened_stays_denied_until_the_routes_have_settled() -> None:
    world = await opened(routes=[*ROUTES, DENIED])
    world.put(ingress(routes=ROUTES))
    await world.step()
    assert DENY in world.api.objects
    await world.settle()
    assert DENY not in world.api.objects
    assert "AuthorizationPolicy/web-api-deny" not in str(world.live()["status"]["inventory"])


# -- the way out ---------------------------------------------------------------------------------------------------


async def test_it_is_closed_before_its_guards_go_and_the_finalizer_goes_last() -> None:
    world = await opened(routes=[*ROUTES, DENIED])
    world.delete()
    await world.step()
    assert world.take() == ["delete VirtualService web/api", f"delete EnvoyFilter {G}/{filter_of(GATE).name}"]
    world.clock.turn(SETTLE_SECONDS - 0.01)
    await world.step()
    assert world.take() == []
    world.clock.turn(0.01)
    await world.step()
    assert world.take() == [
        f"delete Gateway {G}/web-api",
        f"delete AuthorizationPolicy {G}/web-api",
        f"delete AuthorizationPolicy {G}/web-api-deny",
        "apply EcoIngress web/api",
    ]
    await world.step()
    assert ref_of(KEY) not in world.api.objects
    assert (world.kinds(), world.timers) == ([], {})


async def test_what_it_is_closed_by_a_new_process_is_closed_as_well() -> None:
    world = await opened(routes=[*ROUTES, DENIED])
    world.delete()
    world.restart()
    await world.step()
    world.restart()
    await world.settle()
    assert ref_of(KEY) not in world.api.objects
    assert world.kinds() == []


async def test_a_fault_in_closing_is_said_and_tried_again() -> None:
    world = await opened()
    world.delete()
    world.api.failures["delete", GATEWAY.name] = Forbidden("not yours")
    await world.settle()
    assert world.condition("Ready") == ("False", "Forbidden")
    assert world.is_held()
    world.api.failures.clear()
    await world.settle()
    assert ref_of(KEY) not in world.api.objects


async def test_the_others_of_a_gateway_stay_open_when_one_goes() -> None:
    world = await opened()
    other = Key("EcoIngress", "shop", "web")
    world.put(ingress("web", "shop", hosts=["www.example.org"]))
    await world.settle()
    assert (world.is_admitted(), world.is_admitted(other)) == (True, True)
    world.delete(other)
    await world.settle()
    assert world.is_admitted()
    assert ref_of(other) not in world.api.objects


async def test_the_finalizer_goes_when_nothing_is_elsewhere_any_more() -> None:
    world = await opened()
    own = {"path": "/own", "domain": {"name": "own"}, "public": True}
    world.api.store(eco_domain("own", namespace=OWN, uid="own"))
    world.put(ingress(provider="alb", alb={"target": "domain"}, routes=[own]))
    await world.settle()
    assert set(world.kinds()) == {"Ingress"}
    assert not world.is_held()


# -- moves ---------------------------------------------------------------------------------------------------------


async def test_to_a_gateway_of_another_namespace_it_moves_without_a_gap() -> None:
    world = await opened()
    there = gateway_key("gate", {"app": "gate"})
    world.api.store({**gateway_pod("gate", {"app": "gate"})})
    world.put(ingress(gateway={"namespace": "gate", "selector": {"app": "gate"}}))
    for _ in range(6):
        await world.step()
        (place,) = world.api.objects[ROUTED]["spec"]["gateways"]
        assert world.is_admitted(gateway=there if place.startswith("gate/") else GATE)
        world.clock.turn(SETTLE_SECONDS / 2)
    await world.settle()
    assert {ref.namespace for ref in world.api.objects if ref.group.endswith("istio.io")} == {"gate", OWN}
    assert world.condition("Ready") == ("True", "Ready")


async def test_to_other_pods_of_the_same_namespace_it_moves_with_the_way_closed() -> None:
    world = await opened()
    there = {"app": "gate"}
    world.api.store({**gateway_pod(labels=there)})
    world.put(ingress(gateway={"namespace": G, "selector": there}))
    await world.step()
    written = world.take()
    assert written == ["delete VirtualService web/api", STATUS, f"delete EnvoyFilter {G}/{filter_of(GATE).name}"]
    assert world.api.objects[POLICY]["spec"]["selector"]["matchLabels"] == SELECTOR
    await world.settle(6)
    assert world.condition("Ready") == ("True", "Ready")
    assert world.is_admitted(gateway=gateway_key(G, there))
    assert world.api.objects[POLICY]["spec"]["selector"]["matchLabels"] == there


# -- hosts ---------------------------------------------------------------------------------------------------------


async def test_a_host_of_somebody_else_is_not_served_and_goes_over_when_he_is_gone() -> None:
    world = await opened()
    heir = Key("EcoIngress", "shop", "heir")
    world.put(ingress("heir", "shop", hosts=[HOST]), created="2026-11-22T11:00:00Z")
    await world.settle()
    assert world.condition("Accepted", heir) == ("False", "HostClaimed")
    assert world.message("Accepted", heir) == f"{HOST}: belongs to EcoIngress web/api"
    assert world.condition("Stalled", heir) == ("True", "HostClaimed")
    assert not world.is_held(heir)
    world.delete()
    await world.settle(6)
    assert world.condition("Ready", heir) == ("True", "Ready")
    assert world.is_admitted(heir)


async def test_a_host_that_an_older_one_asks_for_is_given_up() -> None:
    world = await opened()
    older = Key("EcoIngress", "shop", "older")
    world.put(ingress("older", "shop", hosts=["old.example.org"]), created="2020-01-01T00:00:00Z")
    await world.settle()
    world.put(ingress("older", "shop", hosts=["old.example.org", HOST]))
    await world.settle(6)
    assert world.condition("Ready", older) == ("True", "Ready")
    assert world.condition("Ready") == ("False", "HostClaimed")
    assert not world.is_admitted()
    assert [ref for ref in world.api.objects if ref.name.startswith("web-api")] == []


# -- routes --------------------------------------------------------------------------------------------------------


async def test_a_route_waits_for_its_domain_and_the_others_work() -> None:
    world = World()
    world.put(ingress(routes=[*ROUTES, {"path": "/late", "domain": {"name": "late", "namespace": "shop"}}]))
    await world.settle()
    assert world.condition("RoutesResolved") == ("False", "DomainMissing")
    assert world.condition("Programmed") == ("True", "Programmed")
    assert world.condition("Reconciling") == ("True", "DomainMissing")
    assert world.states() == [("/scan", "Programmed"), ("/late", "Pending")]
    world.take()
    world.api.store(eco_domain("late", uid="late"))
    await world.step()
    assert world.take() == ["apply VirtualService web/api", STATUS]
    assert world.condition("Ready") == ("True", "Ready")


async def test_a_domain_that_does_not_admit_the_namespace_is_not_routed_to() -> None:
    world = World()
    world.api.store(eco_domain(access={"ingress": [{"namespace": "other"}]}))
    world.put(ingress())
    await world.settle()
    assert world.condition("Ready") == ("False", "RouteRefused")
    assert world.condition("Stalled") == ("True", "RouteRefused")
    assert world.states() == [("/scan", "Refused")]


# -- what is missing -----------------------------------------------------------------------------------------------


async def test_a_gateway_without_pods_is_looked_for_now_and_then() -> None:
    world = World()
    world.api.remove(Ref("", "Pod", G, "gateway-1"))
    world.put(ingress())
    await world.settle()
    assert world.condition("Programmed") == ("False", "GatewayNotFound")
    assert "no pod in namespace istio-ingress has istio=ingressgateway" in world.message("Programmed")
    world.api.store(gateway_pod())
    await world.step()
    assert world.condition("Programmed") == ("False", "GatewayNotFound")
    world.clock.turn(MISSING_SECONDS)
    await world.step()
    assert world.condition("Ready") == ("True", "Ready")


async def test_a_certificate_that_is_missing_is_said() -> None:
    world = World()
    world.put(ingress(gateway={"tls": {"secretName": "api-tls"}}))
    await world.settle()
    assert world.condition("Programmed") == ("False", "CertificateMissing")
    metadata = {"name": "api-tls", "namespace": G}
    world.api.store({"apiVersion": "v1", "kind": SECRET.name, "metadata": metadata})
    world.clock.turn(MISSING_SECONDS)
    await world.step()
    assert world.condition("Ready") == ("True", "Ready")


async def test_without_the_kinds_of_the_mesh_nothing_is_touched() -> None:
    world = await opened()
    world.cache.served -= {"RequestAuthentication"}
    world.queue.append(KEY)
    await world.settle()
    assert world.take() == [STATUS]
    assert world.condition("Ready") == ("False", "KindMissing")


async def test_a_load_balancer_is_waited_for() -> None:
    world = World()
    world.put(ingress(provider="alb", alb={"target": "gateway"}))
    await world.settle()
    assert world.condition("Ready") == ("False", "WaitingForLoadBalancer")
    ref = Ref(INGRESS.group, INGRESS.name, G, "web-api")
    address = {("status", "loadBalancer"): {"ingress": [{"hostname": "lb"}]}}
    world.api.edit(ref, address)
    await world.settle()
    assert world.condition("Ready") == ("True", "Ready")


# -- left alone ----------------------------------------------------------------------------------------------------


async def test_suspended_nothing_changes_but_the_status_also_at_the_gateway() -> None:
    world = await opened()
    world.put(ingress(suspend=True, routes=[PUBLIC]))
    await world.settle()
    assert world.take() == [STATUS]
    assert world.condition("Ready") == ("Unknown", "Suspended")
    world.restart()
    await world.settle()
    assert world.take() == []
    assert world.is_admitted()


async def test_suspended_from_the_beginning_it_is_not_opened() -> None:
    world = World()
    world.put(ingress(suspend=True))
    await world.settle()
    assert world.kinds() == []


async def test_a_suspended_one_can_be_deleted() -> None:
    world = await opened()
    world.put(ingress(suspend=True))
    await world.settle()
    world.delete()
    await world.settle()
    assert ref_of(KEY) not in world.api.objects
    assert world.kinds() == []


async def test_one_that_cannot_be_understood_stays_as_it_is_and_so_does_the_gateway() -> None:
    world = await opened()
    world.put(ingress(routes=[{"path": "no slash"}]))
    await world.settle()
    assert world.take() == [STATUS]
    assert world.condition("Stalled") == ("True", "InvalidSpec")
    assert world.is_admitted()
    world.restart()
    await world.settle()
    assert world.take() == []
    assert world.is_admitted()


async def test_an_object_of_somebody_else_is_left_alone_and_named() -> None:
    world = World()
    theirs = {"a": "b"}
    metadata = {"name": "web-api", "namespace": G}
    gateway = {"apiVersion": GATEWAY.api_version, "kind": GATEWAY.name, "metadata": metadata, "spec": theirs}
    world.api.store(gateway)
    world.put(ingress())
    await world.settle()
    assert world.condition("Ready") == ("False", "NameConflict")
    assert world.api.objects[GATES]["spec"] == theirs
    assert ROUTED not in world.api.objects
