"""The finalizer is put on and taken off, and nothing else is touched."""

import pytest
from tests.unit.eco2_operator.fakes import FakeApi
from tests.unit.eco2_operator.reconcile.entrance_world import KEY, ingress, ref_of

from eco2_operator.cache import Cache
from eco2_operator.errors import Conflict
from eco2_operator.finalizer import FINALIZER, hold, is_held, let_go
from eco2_operator.kinds import ECO_INGRESS

REF = ref_of(KEY)


class World:
    def __init__(self) -> None:
        self.api, self.cache = FakeApi(), Cache()
        self.obj = self.api.store(ingress())
        self.cache.put(self.obj)


async def test_it_is_put_on_once_and_taken_off_once() -> None:
    world = World()
    held = await hold(world.api, world.cache, ECO_INGRESS, world.obj)
    assert is_held(held)
    assert world.cache.get(REF) is not None
    assert is_held(world.cache.get(REF) or {})
    assert await hold(world.api, world.cache, ECO_INGRESS, held) is held
    free = await let_go(world.api, world.cache, ECO_INGRESS, held)
    assert not is_held(free)
    assert await let_go(world.api, world.cache, ECO_INGRESS, free) is free
    assert len(world.api.writes) == 2


async def test_nothing_but_the_finalizer_is_written_and_only_to_this_very_resource() -> None:
    world = World()
    await hold(world.api, world.cache, ECO_INGRESS, world.obj)
    (write,) = world.api.writes
    assert write.body == {
        "apiVersion": "eco2.growbin.app/v1alpha1",
        "kind": "EcoIngress",
        "metadata": {"name": "api", "namespace": "web", "uid": "uid-of-web-api", "finalizers": [FINALIZER]},
    }
    assert not write.force
    other = {**world.obj, "metadata": {**world.obj["metadata"], "uid": "another"}}
    with pytest.raises(Conflict):
        await hold(world.api, world.cache, ECO_INGRESS, other)


async def test_a_resource_that_has_changed_meanwhile_is_learnt_from_the_watch() -> None:
    world = World()
    world.api.edit(REF, {("spec", "hosts"): ["other.example.org"]})
    await hold(world.api, world.cache, ECO_INGRESS, world.obj)
    assert world.cache.version(REF) == world.obj["metadata"]["resourceVersion"]


async def test_one_that_the_watch_has_told_to_be_gone_stays_gone() -> None:
    world = World()
    held = await hold(world.api, world.cache, ECO_INGRESS, world.obj)
    world.cache.remove(REF)
    await let_go(world.api, world.cache, ECO_INGRESS, held)
    assert world.cache.get(REF) is None
