"""One kind listed and watched, from a source that follows a script. Time jumps."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import KEY, NAMESPACE, child, in_virtual_time

from eco2_operator.cache import Cache
from eco2_operator.controller import Controller
from eco2_operator.errors import ChildError, Forbidden, KindMissing, Rejected, Unavailable
from eco2_operator.failures import Expired
from eco2_operator.kinds import DEPLOYMENT, ECO_INGRESS, SERVICE, SERVICE_MONITOR, Kind
from eco2_operator.kinds import NAMESPACE as NAMESPACES
from eco2_operator.kube import Page
from eco2_operator.naming import Key, Manifest, Ref
from eco2_operator.watch import BACKOFF, HOPES, MISSING_SECONDS, OPTIONAL_SECONDS, Watcher

SELECTOR = "app=scan"
MIDDLE = 0.5
"""The random number for which the jitter is exactly 1."""


def now() -> float:
    return asyncio.get_running_loop().time()


def service(name: str, version: str) -> Manifest:
    return child(SERVICE, name, uid=f"uid-of-{name}", resourceVersion=version)


def page(version: str, *names: str) -> Page:
    return Page([service(name, version) for name in names], version)


def change(event_type: str, name: str, version: str) -> tuple[str, Manifest]:
    return event_type, service(name, version)


def bookmark(version: str) -> tuple[str, Manifest]:
    return "BOOKMARK", {"kind": "Service", "apiVersion": "v1", "metadata": {"resourceVersion": version}}


def expired() -> Expired:
    return Expired("too old resource version: 7 (9)")


Step = Page | tuple[str, Manifest] | ChildError | float


class Source:
    """Follows a script: steps of each list and of each watch; a number takes so many seconds; at its end it is silent.

    A list or watch that is not in the script never answers.
    """

    def __init__(self, lists: list[list[Step]], watches: list[list[Step]], *, ends: bool = False) -> None:
        self.lists = lists
        self.watches = watches
        self.ends = ends
        self.calls: list[tuple[float, str]] = []
        self.asked: set[tuple[Kind, str, str]] = set()
        self.open = 0

    def pages(self, kind: Kind, namespace: str, selector: str) -> AsyncIterator[Page]:
        self.asked.add((kind, namespace, selector))
        return self._play("list", self.lists, ends=True)

    def changes(self, kind: Kind, namespace: str, selector: str, version: str) -> AsyncIterator[tuple[str, Manifest]]:
        self.asked.add((kind, namespace, selector))
        return self._play(f"watch {version}", self.watches, ends=self.ends)

    async def _play(self, what: str, scripts: list[list[Step]], *, ends: bool) -> AsyncIterator[Any]:
        self.calls.append((round(now(), 3), what))
        known = bool(scripts)
        self.open += 1
        try:
            for step in scripts.pop(0) if known else []:
                if isinstance(step, ChildError):
                    raise step
                if isinstance(step, float):
                    await asyncio.sleep(step)
                else:
                    yield step
            if not (known and ends):
                await asyncio.Event().wait()
        finally:
            self.open -= 1

    def take(self) -> list[str]:
        """What was asked since the last call."""
        taken, self.calls = [what for _, what in self.calls], []
        return taken

    @property
    def times(self) -> list[float]:
        return [at for at, _ in self.calls]


class Sink:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str | None, str, str]] = []
        self.lists: list[tuple[str, set[str], str]] = []
        self.services: list[bool] = []

    def observe(self, kind: Kind, event_type: str | None, obj: Mapping[str, Any]) -> None:
        assert kind is SERVICE
        self.told.append((event_type, obj["metadata"]["name"], obj["metadata"]["resourceVersion"]))

    def relisted(self, kind: Kind, namespace: str, live: set[Ref], version: str) -> None:
        assert kind is SERVICE
        self.told.append((None, "relisted", version))
        self.lists.append((namespace, {ref.name for ref in live}, version))

    def served(self, kind: Kind, *, is_served: bool) -> None:
        self.services.append(is_served)

    def take(self) -> list[tuple[str | None, str, str]]:
        taken, self.told = self.told, []
        return taken


class World:
    """A watcher between a source and a sink."""

    def __init__(self, lists: list[list[Step]], watches: list[list[Step]], *, ends: bool = False) -> None:
        self.source = Source(lists, watches, ends=ends)
        self.sink = Sink()
        self.watcher = Watcher(
            self.source, self.sink, SERVICE, namespace=NAMESPACE, selector=SELECTOR, random=lambda: MIDDLE
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.watcher.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @property
    def listed(self) -> bool:
        return self.watcher._listed.is_set()


async def settle() -> None:
    """Everything that takes no time has happened."""
    await asyncio.sleep(0.001)


@in_virtual_time
async def test_what_exists_is_told_then_that_this_is_all_then_every_change() -> None:
    world = World(
        [[page("7", "a", "b"), page("7", "c")]],
        [[change("MODIFIED", "a", "8"), change("ADDED", "d", "9"), bookmark("12"), change("DELETED", "b", "13")]],
    )
    async with world.running():
        await settle()
    assert world.sink.take() == [
        ("ADDED", "a", "7"),
        ("ADDED", "b", "7"),
        ("ADDED", "c", "7"),
        (None, "relisted", "7"),
        ("MODIFIED", "a", "8"),
        ("ADDED", "d", "9"),
        ("DELETED", "b", "13"),
    ]
    assert world.sink.lists == [(NAMESPACE, {"a", "b", "c"}, "7")]
    assert world.source.take() == ["list", "watch 7"]
    assert world.source.asked == {(SERVICE, NAMESPACE, SELECTOR)}


@in_virtual_time
async def test_an_empty_list_is_a_list_and_is_watched_from() -> None:
    world = World([[Page([], "7")]], [])
    async with world.running():
        await settle()
        assert world.sink.lists == [(NAMESPACE, set(), "7")]
        assert world.source.take() == ["list", "watch 7"]
        assert world.listed


@in_virtual_time
async def test_a_watch_the_server_ended_goes_on_at_once_from_the_last_version_bookmarks_included() -> None:
    world = World(
        [[page("7", "a")]],
        [[change("MODIFIED", "a", "8")], [change("MODIFIED", "a", "9"), bookmark("20")], [bookmark("30")]],
        ends=True,
    )
    async with world.running():
        await settle()
        assert world.source.times == [0, 0, 0, 0, 0]
        assert world.source.take() == ["list", "watch 7", "watch 8", "watch 20", "watch 30"]
    assert len(world.sink.lists) == 1


@in_virtual_time
async def test_a_watch_that_ends_without_a_word_time_and_again_is_begun_less_and_less_often() -> None:
    world = World([[page("7", "a")]], [[]] * 20, ends=True)
    async with world.running():
        await asyncio.sleep(200)
    gaps = [after - before for before, after in pairwise(world.source.times[1:])]
    assert gaps[:3] == [pytest.approx(0.5), pytest.approx(1), pytest.approx(2)]
    assert gaps[-1] == pytest.approx(BACKOFF.cap)
    assert set(world.source.take()[1:]) == {"watch 7"}


@in_virtual_time
async def test_a_forgotten_version_leads_to_a_new_list_at_once_that_tells_what_is_gone() -> None:
    world = World(
        [[page("7", "a", "b")], [page("50", "b", "c")]],
        [[change("MODIFIED", "a", "8"), expired()], [change("DELETED", "c", "51")]],
    )
    async with world.running():
        await settle()
        assert world.source.take() == ["list", "watch 7", "list", "watch 50"]
    assert world.sink.lists == [(NAMESPACE, {"a", "b"}, "7"), (NAMESPACE, {"b", "c"}, "50")]
    assert world.sink.take()[4:] == [
        ("ADDED", "b", "50"),
        ("ADDED", "c", "50"),
        (None, "relisted", "50"),
        ("DELETED", "c", "51"),
    ]


@in_virtual_time
async def test_a_version_that_is_forgotten_again_and_again_does_not_make_it_list_without_pause() -> None:
    world = World([[page("7", "a")]] * 100, [[expired()]] * 100)
    async with world.running():
        await asyncio.sleep(60)
    assert 6 <= world.source.take().count("list") <= 10


@in_virtual_time
async def test_a_list_that_expires_between_its_pages_is_begun_again_with_growing_gaps_and_is_not_taken_for_all() -> (
    None
):
    world = World([[page("7", "a"), expired()]] * 3 + [[page("9", "a"), page("9", "b")]], [])
    async with world.running():
        await asyncio.sleep(0.4)
        assert world.source.take() == ["list"]  # a source that forgets at once is not asked without pause
        await asyncio.sleep(60)
        assert world.source.take() == ["list", "list", "list", "watch 9"]
    assert world.sink.lists == [(NAMESPACE, {"a", "b"}, "9")]


@in_virtual_time
async def test_a_list_that_breaks_off_is_not_taken_for_all_there_is() -> None:
    world = World([[page("7", "a"), Unavailable("down")], [page("9", "a", "b")]], [])
    async with world.running():
        await settle()
        assert (world.sink.lists, world.listed) == ([], False)
        await asyncio.sleep(1)
        assert (world.sink.lists, world.listed) == ([(NAMESPACE, {"a", "b"}, "9")], True)


@in_virtual_time
async def test_a_kind_that_is_not_served_holds_nobody_up_and_is_looked_for_again() -> None:
    missing = KindMissing("not served")
    world = World([[missing], [missing], [page("7", "a")]], [[change("MODIFIED", "a", "8")]])
    async with world.running():
        await asyncio.wait_for(world.watcher.listed(), 0.001)
        assert world.sink.lists == []  # nothing is known: nothing is gone either
        await asyncio.sleep(3 * MISSING_SECONDS)
        assert world.source.times == [0, MISSING_SECONDS, 2 * MISSING_SECONDS, 2 * MISSING_SECONDS]
        assert world.source.take() == ["list", "list", "list", "watch 7"]
    assert world.sink.take()[-1] == ("MODIFIED", "a", "8")


@in_virtual_time
async def test_a_kind_that_is_removed_while_it_is_watched_is_listed_when_it_is_back() -> None:
    world = World([[page("7", "a")], [page("90", "b")]], [[bookmark("8")], [KindMissing("gone")], []], ends=True)
    world.source.watches[2] = [10.0]
    async with world.running():
        await settle()
        assert world.source.take() == ["list", "watch 7", "watch 8"]
        await asyncio.sleep(MISSING_SECONDS)
        assert world.source.take() == ["list", "watch 90"]
    assert world.sink.lists[-1] == (NAMESPACE, {"b"}, "90")


@in_virtual_time
async def test_a_missing_permission_holds_nobody_up_and_is_asked_for_again() -> None:
    world = World([[Forbidden("no")], [Forbidden("no")], [page("7", "a")]], [])
    async with world.running():
        await asyncio.wait_for(world.watcher.listed(), 0.001)
        assert world.sink.lists == []
        await asyncio.sleep(5)
        assert world.source.times == [0, 0.5, 1.5, 1.5]
        assert world.source.take() == ["list", "list", "list", "watch 7"]


@pytest.mark.parametrize("error", [Unavailable("HTTP 401: Unauthorized"), Unavailable("down"), Rejected("what?")])
@in_virtual_time
async def test_any_other_error_of_the_first_list_holds_the_others_up_until_it_has_passed(error: ChildError) -> None:
    world = World([[error]] * 5 + [[page("7", "a")]], [])
    async with world.running():
        await asyncio.sleep(10)
        assert not world.listed
        await asyncio.wait_for(world.watcher.listed(), 10)
    assert world.source.times[:6] == [0, 0.5, 1.5, 3.5, 7.5, 15.5]


@in_virtual_time
async def test_gaps_grow_to_half_a_minute_and_the_first_sign_of_life_makes_them_small_again() -> None:
    down = [Unavailable("down")]
    world = World([[page("7", "a")]], [*([down] * 10), [bookmark("8"), Unavailable("broken off")], down, down])
    async with world.running():
        await asyncio.sleep(400)
    starts = world.source.times[1:]
    gaps = [after - before for before, after in pairwise(starts)]
    assert gaps[:6] == [pytest.approx(gap) for gap in (0.5, 1, 2, 4, 8, 16)]
    assert gaps[6:10] == [pytest.approx(BACKOFF.cap)] * 4
    assert gaps[10:] == [pytest.approx(0.5), pytest.approx(1), pytest.approx(2)]  # after the bookmark
    assert world.source.take()[-3:] == ["watch 8"] * 3
    assert len(world.sink.lists) == 1


@in_virtual_time
async def test_after_an_outage_nothing_is_listed_again_when_the_version_is_still_known() -> None:
    silence = Unavailable("watch of services: broken off (SocketTimeoutError)")
    world = World([[page("7", "a")]], [[change("MODIFIED", "a", "8"), 90.0, silence], [change("MODIFIED", "a", "9")]])
    async with world.running():
        await asyncio.sleep(91)
        assert world.source.take() == ["list", "watch 7", "watch 8"]
    assert world.sink.take()[-2:] == [("MODIFIED", "a", "8"), ("MODIFIED", "a", "9")]


@in_virtual_time
async def test_a_wait_the_server_asks_for_is_respected() -> None:
    busy = Unavailable("HTTP 429")
    busy.retry_after = 17.0
    world = World([[busy], [page("7", "a")]], [[busy], [bookmark("8")]])
    async with world.running():
        await asyncio.sleep(60)
    assert world.source.times[:4] == [0, 17, 17, 34]


@in_virtual_time
async def test_gaps_have_a_jitter_so_that_kinds_do_not_come_back_together() -> None:
    world = World([[Unavailable("down")], [page("7")]], [])
    world.watcher._random = lambda: 0.0
    async with world.running():
        await asyncio.sleep(1)
    assert world.source.times[1] == pytest.approx(0.375)


@in_virtual_time
async def test_a_broken_watch_is_logged_by_the_name_of_the_watch(caplog: pytest.LogCaptureFixture) -> None:
    world = World([[page("7", "a")]], [[Unavailable("broken off")]])
    async with world.running():
        await asyncio.sleep(1)
    (record,) = caplog.records
    assert (record.levelname, vars(record)["watch"]) == ("WARNING", world.watcher.name)
    assert vars(record)["error"] == "broken off"


@in_virtual_time
async def test_cancelled_in_any_state_it_ends_at_once_and_leaves_nothing_open() -> None:
    listing, watching = World([], []), World([[page("7", "a")]], [])
    pausing = World([[KindMissing("not served")]], [])
    for world in (listing, watching, pausing):
        async with world.running() as task:
            await settle()
            assert not task.done()
            task.cancel()
            await settle()
            assert task.cancelled()
            assert world.source.open == 0
    assert listing.source.take() == ["list"]
    assert watching.source.take() == ["list", "watch 7"]


@in_virtual_time
async def test_a_fault_of_the_operator_itself_ends_the_watch_loudly() -> None:
    world = World([[page("7", "a")]], [])

    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    world.sink.observe = broken  # type: ignore[method-assign]
    async with world.running() as task:
        await settle()
        assert isinstance(task.exception(), ZeroDivisionError)
        assert not world.listed


def test_its_name_says_what_is_watched_and_where() -> None:
    world = World([], [])
    assert world.watcher.name == f"watcher for services.v1@{NAMESPACE}"
    everywhere = Watcher(world.source, world.sink, ECO_INGRESS, namespace="", selector="", random=lambda: MIDDLE)
    assert everywhere.name == f"watcher for ecoingresses.{ECO_INGRESS.version}.{ECO_INGRESS.group}"


class Queue:
    def __init__(self) -> None:
        self.added: list[Key] = []

    def add(self, key: Key, *, after: float = 0.0) -> None:
        self.added.append(key)


@in_virtual_time
async def test_a_deletion_lost_between_two_watches_is_found_by_the_next_list_and_queues_the_owner() -> None:
    cache, queue, reader = Cache(), Queue(), Source([], [])
    controller: Any = Controller(cache, queue, reader, namespaces=("",), resync_seconds=600, random=lambda: 0)  # type: ignore[arg-type]
    deployment = child(DEPLOYMENT, uid="u1", resourceVersion="7")
    ours = child(DEPLOYMENT, "new", uid="u2", resourceVersion="60")
    source = Source([[Page([deployment], "7")], [1.0, Page([], "50")]], [[expired()]])
    watcher = Watcher(source, controller, DEPLOYMENT, namespace="", selector=SELECTOR, random=lambda: MIDDLE)
    task = asyncio.create_task(watcher.run())
    await settle()
    assert cache.get(Ref.of(deployment)) is not None
    queue.added.clear()
    await asyncio.sleep(1)
    cache.put(ours)  # written by us after the list was made: its absence there means nothing
    await asyncio.sleep(1)
    assert source.take() == ["list", "watch 7", "list", "watch 50"]
    assert cache.get(Ref.of(deployment)) is None
    assert cache.get(Ref.of(ours)) is not None
    assert queue.added == [KEY]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@in_virtual_time
async def test_whether_the_kind_is_served_is_told_after_its_list_and_when_it_goes() -> None:
    world = World([[page("7", "a")], [page("90")]], [[KindMissing("gone")]])
    async with world.running():
        await settle()
        assert world.sink.services == [True, False]
        await asyncio.sleep(MISSING_SECONDS)
        assert world.sink.services == [True, False, True]


@in_virtual_time
async def test_neither_an_outage_nor_a_missing_permission_says_that_a_kind_is_not_served() -> None:
    world = World([[Unavailable("down")], [Forbidden("no")], [page("7")]], [[Unavailable("down")], []])
    async with world.running():
        await asyncio.sleep(10)
    assert world.sink.services == [True]


async def missing_for(kind: Kind, seconds: float, *, told_at: float | None = None) -> list[float]:
    """When a kind that is never served is looked for; `told_at`: when its definition changes."""
    source: Any = Source([[KindMissing("not served")] for _ in range(40)], [])
    watcher = Watcher(source, Sink(), kind, namespace="", selector="", random=lambda: MIDDLE)
    task = asyncio.create_task(watcher.run())
    if told_at is not None:
        asyncio.get_running_loop().call_later(told_at, watcher.look_again)
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    times: list[float] = source.times
    return times


@in_virtual_time
async def test_a_kind_that_a_cluster_may_lack_is_looked_for_less_often() -> None:
    assert await missing_for(SERVICE_MONITOR, 2 * OPTIONAL_SECONDS + 1) == [0, OPTIONAL_SECONDS, 2 * OPTIONAL_SECONDS]


@in_virtual_time
async def test_when_its_definition_comes_it_is_looked_for_at_once_and_for_a_while_every_second() -> None:
    times = await missing_for(SERVICE_MONITOR, OPTIONAL_SECONDS + 130, told_at=100)
    assert times[:2] == [0, 100]
    assert [later - earlier for earlier, later in pairwise(times[1:])] == [1.0] * HOPES + [OPTIONAL_SECONDS]


@in_virtual_time
async def test_a_definition_that_changes_while_the_kind_is_watched_disturbs_nothing() -> None:
    world = World([[page("7", "a")]], [[change("MODIFIED", "a", "8")]])
    async with world.running():
        await settle()
        world.watcher.look_again()
        await asyncio.sleep(5)
        assert world.source.take() == ["list", "watch 7"]


@in_virtual_time
async def test_what_lives_outside_of_namespaces_and_may_not_be_listed_is_asked_for_rarely() -> None:
    source = Source([[Forbidden("no")] for _ in range(5)], [])
    watcher = Watcher(source, Sink(), NAMESPACES, namespace="", selector="", random=lambda: MIDDLE)
    task = asyncio.create_task(watcher.run())
    await asyncio.wait_for(watcher.listed(), 0.001)
    await asyncio.sleep(2 * OPTIONAL_SECONDS + 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert source.times == [0, OPTIONAL_SECONDS, 2 * OPTIONAL_SECONDS]
