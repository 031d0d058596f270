"""What became of a resource: told once, and no more often than it changes."""

from copy import deepcopy
from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import KEY, NOW, Clock, FakeApi, eco_domain

from eco2_operator import metrics
from eco2_operator.cache import Cache, Change
from eco2_operator.errors import Forbidden, Unavailable
from eco2_operator.kinds import ECO_DOMAIN
from eco2_operator.naming import Manifest, Ref
from eco2_operator.reconcile.report import SETTLE_SECONDS, Reporter
from eco2_operator.workqueue import Retry

DOMAIN = Ref.of(eco_domain())


def status(ready: str = "True", reason: str = "Ready", message: str = "all well", **fields: Any) -> Manifest:
    condition = {"type": "Ready", "status": ready, "reason": reason, "message": message}
    return {"observedGeneration": 1, "conditions": [condition], **fields}


class World:
    def __init__(self) -> None:
        self.api, self.cache, self.clock = FakeApi(), Cache(), Clock()
        self.cache.put(self.api.store(eco_domain()))
        self.reporter = Reporter(ECO_DOMAIN, self.api, self.cache, clock=self.clock, now=lambda: NOW, instance="test")

    @property
    def obj(self) -> Manifest:
        return deepcopy(self.api.objects[DOMAIN])

    async def report(self, wanted: Manifest, obj: Manifest | None = None) -> Retry | None:
        return await self.reporter.report(KEY, obj or self.obj, wanted)

    def take(self) -> list[tuple[str, str]]:
        writes, self.api.writes = self.api.writes, []
        return [(write.verb, write.ref.kind) for write in writes]


@pytest.fixture
def world() -> World:
    return World()


STATUS, EVENT = ("apply", "EcoDomain"), ("create", "Event")


async def test_a_change_is_one_write_and_one_event_and_the_cache_knows_it(world: World) -> None:
    assert await world.report(status()) is None
    write = world.api.writes[0]
    assert (write.subresource, write.force) == ("status", True)
    assert set(write.body) == {"apiVersion", "kind", "metadata", "status"}
    assert write.body["metadata"]["uid"] == world.obj["metadata"]["uid"]
    assert world.take() == [STATUS, EVENT]
    assert (world.cache.resource(KEY) or {})["status"] == status()


async def test_the_same_status_is_not_written_again(world: World) -> None:
    await world.report(status())
    world.take()
    assert await world.report(status()) is None
    assert world.take() == []


async def test_numbers_and_words_alone_are_written_a_moment_later(world: World) -> None:
    await world.report(status(replicas=1))
    world.take()
    numbers = status(replicas=2, readyReplicas=1, message="1 of 2 pods serve")
    assert await world.report(numbers) == Retry(SETTLE_SECONDS)
    world.clock.turn(SETTLE_SECONDS / 2)
    assert await world.report(status(replicas=2, readyReplicas=2)) == Retry(SETTLE_SECONDS / 2)
    assert world.take() == []
    world.clock.turn(SETTLE_SECONDS / 2)
    assert await world.report(status(replicas=2, readyReplicas=2)) is None
    assert world.take() == [STATUS]


async def test_numbers_that_come_back_count_as_settled(world: World) -> None:
    await world.report(status(replicas=1))
    await world.report(status(replicas=2))
    world.clock.turn(SETTLE_SECONDS)
    assert await world.report(status(replicas=1)) is None
    assert await world.report(status(replicas=2)) == Retry(SETTLE_SECONDS)


@pytest.mark.parametrize("changed", [status("False", "ImagePullBackOff"), status(image="b"), status(inventory=[])])
async def test_whatever_else_changes_is_written_at_once(world: World, changed: Manifest) -> None:
    await world.report(status(replicas=1))
    world.take()
    assert await world.report(changed) is None
    assert world.take()[0] == STATUS


async def test_the_first_status_waits_for_nothing(world: World) -> None:
    await world.report(status(replicas=0))
    assert world.take() == [STATUS, EVENT]


@pytest.mark.parametrize(
    "change",
    [{"generation": 2}, {"annotations": {"eco2.growbin.app/suspend": "true"}}, {"deletionTimestamp": NOW}],
)
async def test_a_resource_that_changed_meanwhile_is_left_to_its_event(world: World, change: Any) -> None:
    before = world.obj
    for field, value in change.items():
        world.api.objects[DOMAIN]["metadata"][field] = value
    assert await world.report(status(), before) is None
    assert world.cache.put(world.api.objects[DOMAIN]) is not Change.SAME  # the event is news


async def test_a_status_that_cannot_be_written_is_not_told_of_and_tried_again(world: World) -> None:
    world.api.failures["apply", "EcoDomain"] = Unavailable("down")
    with pytest.raises(Unavailable):
        await world.report(status())
    assert world.take() == [STATUS]
    del world.api.failures["apply", "EcoDomain"]
    await world.report(status())
    assert world.take() == [STATUS, EVENT]


async def test_an_event_that_cannot_be_written_is_not_worth_a_retry(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.api.failures["create", "Event"] = Forbidden("no")
    assert await world.report(status()) is None
    assert "event not written" in caplog.text


def count(ready: str) -> float:
    return metrics.RESOURCES.labels("EcoDomain", ready)._value.get()  # type: ignore[no-any-return]


async def test_resources_are_counted_by_their_state_until_they_go(world: World) -> None:
    before = count("True"), count("False")
    await world.report(status())
    await world.report(status())
    assert (count("True"), count("False")) == (before[0] + 1, before[1])
    await world.report(status("False", "Progressing"))
    assert (count("True"), count("False")) == (before[0], before[1] + 1)
    world.reporter.forget(KEY)
    world.reporter.forget(KEY)
    assert (count("True"), count("False")) == before


def took() -> float:
    return metrics.TIME_TO_READY.labels("EcoDomain")._sum.get()  # type: ignore[no-any-return]


async def test_time_to_ready_counts_from_the_first_sight_of_a_generation_to_ready_once(world: World) -> None:
    before = took()
    world.reporter.note_change(KEY, 1, {})
    world.clock.turn(3)
    world.reporter.note_change(KEY, 1, {})
    await world.report(status("False", "Progressing"))
    world.clock.turn(4)
    await world.report(status())
    assert took() == before + 7
    await world.report(status("False", "CrashLoopBackOff"))
    await world.report(status())
    assert took() == before + 7


async def test_a_generation_that_was_reported_before_is_not_timed(world: World) -> None:
    before = took()
    world.reporter.note_change(KEY, 1, {"observedGeneration": 1})
    world.clock.turn(3)
    await world.report(status())
    assert took() == before
