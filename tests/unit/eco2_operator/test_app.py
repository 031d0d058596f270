"""The process around the controller: what kopf is asked to do, and how it all starts and ends."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Protocol

import kopf
import pytest
from tests.unit.eco2_operator.fakes import eco_domain

from eco2_operator import app
from eco2_operator.controller import WATCHED
from eco2_operator.errors import Unavailable
from eco2_operator.kinds import ECO_DOMAIN, RESOURCES, Kind
from eco2_operator.naming import SELECTOR, Manifest
from eco2_operator.settings import Settings


class Listening:
    """A controller that notes what it is told; works until it is cancelled or told to fail."""

    def __init__(self) -> None:
        self.opened = False
        self.listed: list[Manifest] = []
        self.observed: list[tuple[Kind, str | None, Manifest]] = []
        self.failed = asyncio.Event()
        self.log: list[str] = []

    def list_once(self, obj: Manifest) -> None:
        self.listed.append(obj)

    def observe(self, kind: Kind, event_type: str | None, obj: Manifest) -> None:
        self.observed.append((kind, event_type, obj))

    async def run(self) -> None:
        try:
            await self.failed.wait()
        except asyncio.CancelledError:
            self.log.append("controller cancelled")
            raise
        raise RuntimeError("the queue is broken")

    async def stop(self, *, grace: float) -> None:
        self.log.append("queue stopped")


def registry_for(controller: Any) -> Any:
    return app._registry(controller)


def plurals(handlers: Any) -> list[str]:
    return [str(handler.selector.any_name or handler.selector.plural) for handler in handlers]


def test_every_kind_is_indexed_and_watched_once() -> None:
    registry = registry_for(Listening())
    expected = [kind.plural for kind in WATCHED]
    assert plurals(registry._indexing._handlers) == expected
    assert plurals(registry._watching._handlers) == expected


async def test_lists_before_the_barrier_and_events_go_to_the_controller() -> None:
    controller = Listening()
    registry = registry_for(controller)
    index = registry._indexing._handlers[0]
    watch = registry._watching._handlers[0]
    assert index.when() is True
    await index.fn(body=kopf.Body(eco_domain()), logger=None)
    await watch.fn(event={"type": None, "object": eco_domain()}, logger=None)
    assert controller.listed == [eco_domain()]
    assert controller.observed == [(ECO_DOMAIN, None, eco_domain())]


def test_once_the_barrier_is_open_nothing_is_indexed_any_more() -> None:
    controller = Listening()
    handlers = registry_for(controller)._indexing._handlers
    controller.opened = True
    assert [handler.when() for handler in handlers] == [False] * len(WATCHED)


def test_everything_but_our_resources_is_listed_and_watched_by_our_label_only() -> None:
    selectors = app._kopf_settings().watching.label_selectors
    for kind in WATCHED:
        found = list(selectors.collect(kopf.Resource(kind.group, kind.version, kind.plural)))
        assert found == ([] if kind in RESOURCES else [SELECTOR])


def test_kopf_neither_posts_events_nor_keeps_state_and_notices_a_silent_watch() -> None:
    settings = app._kopf_settings()
    assert settings.posting.enabled is False
    assert settings.peering.standalone is True
    assert settings.watching.inactivity_timeout == 90
    storage = settings.persistence.diffbase_storage
    assert storage.build(body=kopf.Body(eco_domain())) == {}
    assert storage.fetch(body=kopf.Body(eco_domain())) is None
    assert storage.store(body=kopf.Body(eco_domain()), patch=kopf.Patch(), essence={"spec": 1}) is None


def test_a_watch_is_retried_for_ever_with_growing_gaps_up_to_half_a_minute() -> None:
    delays = list(islice(app._kopf_settings().networking.error_backoffs, 1000))  # type: ignore[arg-type]
    for delay, middle in zip(delays, [1, 2, 5, 10, 20] + [30] * 995, strict=True):
        assert 0.75 * middle <= delay <= 1.25 * middle
    assert len(set(delays[5:])) > 1  # replicas that lost the same server do not come back together


def login(monkeypatch: pytest.MonkeyPatch, cluster: Any, kubeconfig: Any) -> None:
    monkeypatch.setattr(kopf, "login_with_service_account", lambda **_: cluster)
    monkeypatch.setattr(kopf, "login_with_kubeconfig", lambda **_: kubeconfig)


async def test_in_a_cluster_the_service_account_is_used_and_elsewhere_the_kubeconfig(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inside = kopf.ConnectionInfo(server="http://inside", token="t1")
    outside = kopf.ConnectionInfo(server="http://outside", token="t2")
    login(monkeypatch, inside, outside)
    connection = await app._connect()
    assert (connection.server, connection.headers["Authorization"]) == ("http://inside", "Bearer t1")
    assert connection.tls is None
    login(monkeypatch, None, outside)
    assert (await app._connect()).server == "http://outside"


async def test_a_server_over_https_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    login(monkeypatch, kopf.ConnectionInfo(server="https://inside", token="t1"), None)
    tls = (await app._connect()).tls
    assert tls is not None
    assert tls.check_hostname is True


async def test_kopf_logs_in_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = kopf.ConnectionInfo(server="http://inside")
    login(monkeypatch, inside, None)
    (handler,) = registry_for(Listening())._activities._handlers
    assert handler.fn() is inside


async def test_without_any_login_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    login(monkeypatch, None, None)
    with pytest.raises(Unavailable, match="set KUBECONFIG"):
        await app._connect()


def test_times_are_utc_and_whole_seconds() -> None:
    now = app._now()
    assert len(now) == len("2026-11-22T10:00:00Z")
    assert now.endswith("Z")


class Kopf(Protocol):
    """What stands in for ``kopf.operator``."""

    async def __call__(self, **kwargs: Any) -> None: ...


@pytest.fixture
def signals() -> Iterator[None]:
    """A signal that comes too early does no harm; afterwards the handlers are as they were."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


async def signal_handlers_in_place() -> None:
    """Nothing tells when a signal handler is set, so it is looked at again and again."""
    for _ in range(5000):
        if signal.SIG_IGN not in (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)):
            return
        await asyncio.sleep(0.001)
    raise AssertionError("the operator has set no signal handlers")


def kopf_that(monkeypatch: pytest.MonkeyPatch, run: Kopf) -> None:
    monkeypatch.setattr(kopf, "operator", run)


async def watching(controller: Any, *, at_start: Callable[[], None] = lambda: None) -> Kopf:
    async def operator(**kwargs: Any) -> None:
        controller.kwargs = kwargs
        kwargs["ready_flag"].set()
        at_start()
        await kwargs["stop_flag"].wait()
        controller.log.append("kopf stopped")

    return operator


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_work_first_and_kopf_last(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller: Any = Listening()
    kopf_that(monkeypatch, await watching(controller))
    running = asyncio.create_task(app._run_until_signalled(controller, controller, Settings()))
    await signal_handlers_in_place()
    os.kill(os.getpid(), number)
    await asyncio.wait_for(running, 5)
    assert controller.log == ["queue stopped", "controller cancelled", "kopf stopped"]
    assert controller.kwargs["standalone"] is True
    assert controller.kwargs["clusterwide"] is True


@pytest.mark.usefixtures("signals")
async def test_given_namespaces_are_watched_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    controller: Any = Listening()
    kopf_that(monkeypatch, await watching(controller, at_start=controller.failed.set))
    with pytest.raises(RuntimeError, match="the queue is broken"):
        await app._run_until_signalled(controller, controller, Settings(namespaces=("shop",)))
    assert controller.kwargs["clusterwide"] is False
    assert controller.kwargs["namespaces"] == ("shop",)
    assert controller.log == ["queue stopped", "kopf stopped"]


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("started", [True, False])
async def test_when_kopf_fails_the_work_is_ended_and_the_error_raised(
    monkeypatch: pytest.MonkeyPatch, *, started: bool
) -> None:
    controller: Any = Listening()

    async def operator(**kwargs: Any) -> None:
        if started:
            kwargs["ready_flag"].set()
            await asyncio.sleep(0.01)
        raise ConnectionError("no cluster")

    kopf_that(monkeypatch, operator)
    with pytest.raises(ConnectionError, match="no cluster"):
        await asyncio.wait_for(app._run_until_signalled(controller, controller, Settings()), 5)
    assert controller.log == ["queue stopped", "controller cancelled"]


@pytest.mark.usefixtures("signals")
async def test_the_operator_serves_its_health_and_cleans_up_when_it_ends(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def operator(**kwargs: Any) -> None:
        kwargs["ready_flag"].set()
        await signal_handlers_in_place()
        os.kill(os.getpid(), signal.SIGTERM)
        await kwargs["stop_flag"].wait()

    kopf_that(monkeypatch, operator)
    with caplog.at_level("INFO"):
        await asyncio.wait_for(app._operate(Settings()), 5)
    messages = [record.message for record in caplog.records if record.name.startswith("eco2_operator")]
    assert messages == ["serving health and metrics", "stopped"]
