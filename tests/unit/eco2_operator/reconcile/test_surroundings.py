"""Pods and certificates are looked for when somebody asks, and not too often."""

from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import Clock, FakeApi
from tests.unit.eco2_operator.reconcile.entrance_world import SELECTOR, G, gateway_pod

from eco2_operator.claims import Scope
from eco2_operator.errors import Forbidden, Unavailable
from eco2_operator.kinds import POD, SECRET
from eco2_operator.naming import Manifest
from eco2_operator.reconcile.surroundings import FOUND_SECONDS, MISSING_SECONDS, Surroundings

GATE = Scope(G, tuple(SELECTOR.items()))


class Counting(FakeApi):
    """Counts lists."""

    lists = 0

    async def list_metadata(self, *args: Any, **kwargs: Any) -> tuple[list[Manifest], str]:
        self.lists += 1
        return await super().list_metadata(*args, **kwargs)


async def test_pods_that_are_missing_are_looked_for_every_half_minute() -> None:
    api, clock = Counting(), Clock()
    surroundings = Surroundings(api, clock=clock)
    assert not await surroundings.has_pods(GATE)
    api.store(gateway_pod())
    clock.turn(MISSING_SECONDS - 1)
    assert not await surroundings.has_pods(GATE)
    assert api.lists == 1
    clock.turn(1)
    assert await surroundings.has_pods(GATE)
    assert api.lists == 2


async def test_pods_that_were_found_are_looked_for_at_the_next_resync() -> None:
    api, clock = Counting(), Clock()
    api.store(gateway_pod())
    surroundings = Surroundings(api, clock=clock)
    for _ in range(3):
        assert await surroundings.has_pods(GATE)
        clock.turn(FOUND_SECONDS / 4)
    assert api.lists == 1
    api.objects.clear()
    clock.turn(FOUND_SECONDS)
    assert not await surroundings.has_pods(GATE)


async def test_a_pod_that_is_going_is_none_and_neither_is_one_of_another_gateway() -> None:
    api = FakeApi()
    api.store(gateway_pod(labels={"istio": "other"}))
    assert not await Surroundings(api, clock=Clock()).has_pods(GATE)
    going = gateway_pod()
    going["metadata"]["deletionTimestamp"] = "2026-11-22T10:00:00Z"
    api.store(going)
    assert not await Surroundings(api, clock=Clock()).has_pods(GATE)


async def test_of_a_certificate_the_name_counts() -> None:
    api = FakeApi()
    assert not await Surroundings(api, clock=Clock()).has_certificate(G, "tls")
    metadata = {"name": "tls", "namespace": G}
    api.store({"apiVersion": "v1", "kind": SECRET.name, "metadata": metadata})
    assert await Surroundings(api, clock=Clock()).has_certificate(G, "tls")
    assert not await Surroundings(api, clock=Clock()).has_certificate(G, "other")


async def test_what_may_not_be_looked_at_counts_as_there_and_a_silent_server_is_an_error() -> None:
    api = FakeApi(failures={("list", POD.name): Forbidden("no"), ("get", SECRET.name): Unavailable("later")})
    surroundings = Surroundings(api, clock=Clock())
    assert await surroundings.has_pods(GATE)
    with pytest.raises(Unavailable):
        await surroundings.has_certificate(G, "tls")
