"""One acts, the others stand by: electors in processes of their own, an API server between them, simulated time."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import FakeApi
from tests.unit.eco2_operator.processes import Process, World

from eco2_operator.errors import ChildError, Unavailable
from eco2_operator.kinds import LEASE, Kind
from eco2_operator.lease import MANAGER, Elector, LeaseLost, Timing
from eco2_operator.naming import Manifest, Ref

TIMING = Timing()
REF = Ref(LEASE.group, LEASE.name, "ops", "eco2-operator")


@dataclass
class Line:
    """A process's way to the API server."""

    there: float = 0.01
    back: float = 0.01
    fails: Callable[[], ChildError | None] = lambda: None
    lost: Callable[[], bool] = lambda: False
    """Whether an answer is lost although the request was served."""
    requests: list[float] = field(default_factory=list)


class Server:
    """A FakeApi that is some time away, and goes on while those who asked are frozen."""

    def __init__(self, world: World) -> None:
        self.world, self.api = world, FakeApi()

    async def ask(self, process: Process, line: Line, request: Callable[[], Any]) -> Any:
        answer: asyncio.Future[Any] = process.loop.create_future()
        line.requests.append(self.world.now)

        def serve() -> None:
            error = line.fails()
            result = error if error is not None else self._serve(request)
            if not line.lost():
                self.world.at(self.world.now + line.back, lambda: deliver(result))

        def deliver(result: Any) -> None:
            if process.loop.is_closed() or answer.done():
                return
            if isinstance(result, Exception):
                answer.set_exception(result)
            else:
                answer.set_result(result)

        self.world.at(self.world.now + line.there, serve)
        return await answer

    @staticmethod
    def _serve(request: Callable[[], Any]) -> Any:
        """A FakeApi never waits: its coroutines end at the first step."""
        try:
            request().send(None)
        except StopIteration as done:
            return done.value
        except ChildError as error:
            return error
        raise AssertionError("it waits")


class Client:
    """What one elector asks."""

    def __init__(self, server: Server, process: Process, line: Line) -> None:
        self._server, self._process, self._line = server, process, line

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        request = lambda: self._server.api.get(kind, namespace, name)  # noqa: E731
        found: Manifest | None = await self._server.ask(self._process, self._line, request)
        return found

    async def apply(
        self, kind: Kind, manifest: Manifest, *, manager: str, force: bool = False, subresource: str | None = None
    ) -> Manifest:
        request = lambda: self._server.api.apply(kind, manifest, manager=manager, force=force)  # noqa: E731
        written: Manifest = await self._server.ask(self._process, self._line, request)
        return written


@dataclass
class Operator:
    """A process with an elector; it does what the operator does with it."""

    process: Process
    elector: Elector
    line: Line
    ended: str = ""

    @property
    def held(self) -> bool:
        return not self.process.loop.is_closed() and self.elector.held

    async def main(self) -> None:
        await self.elector.acquire()
        try:
            await self.elector.hold()
        except LeaseLost as error:
            self.ended = str(error)

    def stop(self) -> None:
        """SIGTERM."""

        async def end() -> None:
            assert self.process.task is not None
            self.process.task.cancel()
            await asyncio.gather(self.process.task, return_exceptions=True)
            await self.elector.release()

        self.process.loop.call_soon(lambda: self.process.loop.create_task(end()))


class Rig:
    """A world with a server and operators in it."""

    def __init__(self) -> None:
        self.world = World()
        self.server = Server(self.world)
        self.operators: list[Operator] = []

    def operator(self, timing: Timing = TIMING, *, offset: float = 0.0, rate: float = 1.0, **line: Any) -> Operator:
        process = self.world.process(offset=offset, rate=rate)
        way = Line(**line)
        elector = Elector(
            Client(self.server, process, way),
            namespace="ops",
            name="eco2-operator",
            identity=f"operator-{len(self.operators)}",
            timing=timing,
            clock=process.clock,
            now=lambda: f"t{self.world.now:.6f}",
        )
        made = Operator(process, elector, way)
        self.operators.append(made)
        process.start(made.main())
        return made

    def run(self, seconds: float) -> None:
        self.world.run(self.world.now + seconds, check=self.never_both)

    def never_both(self) -> None:
        holders = [number for number, each in enumerate(self.operators) if each.held]
        assert len(holders) <= 1, f"{holders} hold at {self.world.now}"

    def until(self, fact: Callable[[], bool], *, within: float) -> float:
        """Seconds until something is so."""
        began = self.world.now
        while not fact():
            assert self.world.now - began <= within, f"not within {within} s"
            self.run(0.05)
        return self.world.now - began

    @property
    def spec(self) -> Manifest:
        found: Manifest = self.server.api.objects[REF]["spec"]
        return found


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.world.close()


def test_the_first_acquires_and_renews_and_the_second_stands_by(rig: Rig) -> None:
    first, second = rig.operator(offset=5000), rig.operator(offset=70)
    rig.run(60)
    assert (first.held, second.held) == (True, False)
    assert rig.spec["holderIdentity"] == "operator-0"
    assert rig.spec["leaseDurationSeconds"] == 15
    assert rig.spec["leaseTransitions"] == 1
    assert rig.spec["acquireTime"] < "t0.1"
    assert rig.spec["renewTime"] > "t57"
    writes = [write for write in rig.server.api.writes if write.verb == "apply"]
    assert {write.manager for write in writes} == {MANAGER}
    assert len(writes) < 40


def test_after_a_kill_the_standby_takes_over_within_twenty_seconds_and_not_before_the_record_is_old(rig: Rig) -> None:
    first, second = rig.operator(), rig.operator()
    rig.run(31.3)
    first.process.kill()
    took = rig.until(lambda: second.held, within=20)
    assert took > TIMING.deadline
    assert rig.spec["leaseTransitions"] == 2


def test_after_a_clean_stop_the_standby_takes_over_within_two_seconds(rig: Rig) -> None:
    first, second = rig.operator(), rig.operator()
    rig.run(31.3)
    first.stop()
    rig.run(0.1)
    assert rig.spec["holderIdentity"] == ""
    assert not first.held
    assert rig.until(lambda: second.held, within=2.1) <= TIMING.retry + 0.1


def test_one_that_stops_while_it_stands_by_writes_nothing(rig: Rig) -> None:
    rig.operator()
    second = rig.operator()
    rig.run(10)
    second.stop()
    rig.run(10)
    assert rig.spec["holderIdentity"] == "operator-0"


def test_a_frozen_holder_that_thaws_does_not_hold_writes_nothing_and_ends(rig: Rig) -> None:
    first, second = rig.operator(), rig.operator()
    rig.run(31.3)
    first.process.frozen = True
    rig.until(lambda: second.held, within=20)
    asked = len(first.line.requests)
    first.process.frozen = False
    assert not first.held
    rig.run(30)
    assert "was not renewed for 10 s" in first.ended
    assert len(first.line.requests) == asked
    assert second.held


def test_a_short_freeze_costs_nothing(rig: Rig) -> None:
    first, second = rig.operator(), rig.operator()
    rig.run(31.3)
    first.process.frozen = True
    rig.run(6)
    first.process.frozen = False
    assert first.held
    rig.run(60)
    assert (first.held, second.held, first.ended) == (True, False, "")


def test_one_frozen_in_the_middle_of_a_renewal_does_not_hold_by_the_answer_that_waited_for_it(rig: Rig) -> None:
    first = rig.operator(there=0.5, back=0.5)
    rig.until(lambda: len(first.line.requests) > 4, within=20)
    second = rig.operator()
    first.process.frozen = True  # the server has got the request and will answer
    rig.until(lambda: second.held, within=20)
    first.process.frozen = False
    rig.run(5)
    assert first.ended
    assert second.held


def unavailable() -> ChildError:
    return Unavailable("HTTP 500")


def test_errors_of_the_api_server_are_outlived_up_to_the_deadline(rig: Rig) -> None:
    first = rig.operator()
    rig.run(31.3)
    first.line.fails = unavailable
    rig.run(7)
    assert first.held
    first.line.fails = lambda: None
    rig.run(60)
    assert first.held


def test_after_the_deadline_it_gives_up(rig: Rig) -> None:
    first = rig.operator()
    rig.run(31.3)
    first.line.fails = unavailable
    rig.run(TIMING.deadline + 0.1)
    assert not first.held
    rig.run(2 * TIMING.retry)
    assert "was not renewed" in first.ended


def test_an_api_server_that_never_answers_is_waited_for_and_no_longer_than_the_deadline(rig: Rig) -> None:
    first = rig.operator()
    rig.run(31.3)
    first.line.lost = lambda: True
    rig.run(TIMING.deadline + 0.1)
    assert not first.held
    rig.run(TIMING.deadline)
    assert first.ended


def test_a_standby_outlives_any_outage(rig: Rig) -> None:
    standby = rig.operator(fails=unavailable)
    rig.run(300)
    assert not standby.ended
    standby.line.fails = lambda: None
    rig.until(lambda: standby.held, within=TIMING.retry + 1)


def test_a_renewal_whose_answer_is_lost_is_not_taken_for_somebody_elses(rig: Rig) -> None:
    first, second = rig.operator(), rig.operator()
    rig.run(31.3)
    answers = iter([True, False])
    first.line.lost = lambda: next(answers, False)
    rig.run(60)
    assert (first.held, second.held, first.ended) == (True, False, "")


def test_an_acquisition_whose_answer_is_lost_is_found_out(rig: Rig) -> None:
    answers = iter([False, True])
    first = rig.operator(lost=lambda: next(answers, False))
    rig.run(20)
    assert first.held


def test_a_lease_that_somebody_else_took_by_force_ends_the_holder(rig: Rig) -> None:
    first = rig.operator()
    rig.run(31.3)
    rig.server.api.edit(REF, {("spec", "holderIdentity"): "kubectl"})
    rig.run(TIMING.retry + 0.1)
    assert not first.held
    assert "is held by kubectl" in first.ended


def test_a_deleted_lease_is_made_again_by_its_holder(rig: Rig) -> None:
    first = rig.operator()
    rig.run(31.3)
    rig.server.api.remove(REF)
    rig.run(30)
    assert first.held
    assert rig.spec["holderIdentity"] == "operator-0"


def test_the_duration_the_holder_wrote_is_respected_and_not_ones_own(rig: Rig) -> None:
    slow = Timing(duration=60, deadline=40, retry=2)
    first, second = rig.operator(slow), rig.operator()
    rig.run(31.3)
    first.process.kill()
    assert rig.until(lambda: second.held, within=65) > slow.deadline


def test_a_duration_of_less_than_whole_seconds_is_written_as_no_less(rig: Rig) -> None:
    timing = Timing(duration=2.9, deadline=2.5, retry=0.3)
    first, second = rig.operator(timing), rig.operator(timing)
    rig.run(10)
    assert rig.spec["leaseDurationSeconds"] == 3
    first.process.frozen = True
    rig.until(lambda: second.held, within=5)


@pytest.mark.parametrize("record", [{}, {"holderIdentity": ""}, {"holderIdentity": None, "leaseDurationSeconds": 1}])
def test_a_lease_that_nobody_holds_is_taken_at_once(rig: Rig, record: Manifest) -> None:
    lease = {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": {"name": REF.name, "namespace": "ops"}}
    rig.server.api.store({**lease, "spec": record})
    first = rig.operator()
    rig.run(0.1)
    assert first.held


def test_one_that_comes_back_under_its_own_name_need_not_wait(rig: Rig) -> None:
    first = rig.operator()
    rig.run(5)
    first.process.kill()
    rig.operators.clear()
    again = rig.operator()
    rig.run(0.1)
    assert again.held


# -- never both, whatever happens ----------------------------------------------------------------------------------

LENGTH = 15.0
"""Of a schedule; it and all moments and spans are multiples of the deadline."""
SEEDS = 20
DELAYS = (0.0001, 0.01, 0.05, 0.2, 0.5)
TIMINGS = (TIMING, Timing(3, 2, 0.5), Timing(2.9, 2.7, 0.4))


def spans(random: Random) -> list[tuple[float, float]]:
    """Up to three times at which something is the matter, and for how long."""
    return [(random.uniform(0, LENGTH), random.uniform(0.1, 3)) for _ in range(random.randrange(4))]


def schedule_of(random: Random) -> dict[str, Any]:
    """What happens to one operator."""
    return {
        "offset": random.uniform(0, 1e6),
        "rate": random.uniform(0.995, 1.005),
        "there": random.choice(DELAYS),
        "back": random.choice(DELAYS),
        "frozen": spans(random),
        "failing": spans(random),
        "losing": spans(random),
        "ends": (random.uniform(0, LENGTH), random.choice(["kill", "stop"])) if random.random() < 0.3 else None,
    }


def follows(rig: Rig, timing: Timing, schedule: dict[str, Any]) -> None:
    """An operator to which all this happens."""
    world, unit = rig.world, timing.deadline

    def within(spans: list[tuple[float, float]]) -> bool:
        return any(start * unit <= world.now < (start + length) * unit for start, length in spans)

    delays = {"there": schedule["there"] * unit, "back": schedule["back"] * unit}
    one = rig.operator(timing, offset=schedule["offset"], rate=schedule["rate"], **delays)
    one.line.fails = lambda: unavailable() if within(schedule["failing"]) else None
    one.line.lost = lambda: within(schedule["losing"])

    def freeze() -> None:
        one.process.frozen = within(schedule["frozen"])

    for start, length in schedule["frozen"]:
        world.at(start * unit, freeze)
        world.at((start + length) * unit, freeze)
    if schedule["ends"] is not None:
        when, how = schedule["ends"]
        end = one.process.kill if how == "kill" else one.stop
        world.at(when * unit, lambda: None if one.process.loop.is_closed() else end())


@pytest.mark.parametrize("timing", TIMINGS, ids=lambda timing: f"{timing.duration}s")
def test_two_never_hold_at_the_same_moment(timing: Timing) -> None:
    for seed in range(SEEDS):
        random, rig = Random(seed), Rig()  # noqa: S311 - what happens to be tried
        for _ in range(random.randint(2, 3)):
            follows(rig, timing, schedule_of(random))
        rig.operator(timing)
        rig.run(LENGTH * timing.deadline)
        holders = {each["spec"]["holderIdentity"] for each in rig.server.api.history}
        rig.world.close()
        assert holders <= {"", *(f"operator-{number}" for number in range(4))}, seed


def test_whatever_happened_there_is_one_that_acts_in_the_end() -> None:
    for seed in range(SEEDS):
        random, rig = Random(seed), Rig()  # noqa: S311 - what happens to be tried
        for _ in range(random.randint(1, 2)):
            follows(rig, TIMING, schedule_of(random))
        rig.operator()
        rig.run((LENGTH + 3) * TIMING.deadline)
        rig.run(TIMING.duration + 2 * TIMING.retry)
        rig.until(lambda: any(each.held for each in rig.operators), within=5)  # noqa: B023
        rig.world.close()


def test_its_timing_is_the_one_of_client_go() -> None:
    assert (TIMING.duration, TIMING.deadline, TIMING.retry) == (15, 10, 2)
    assert replace(TIMING, retry=1).retry == 1
