"""The process around the controller: what kopf is asked to do, and how it all starts and ends."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import islice
from typing import Any, Protocol

import kopf
import pytest
from tests.unit.eco2_operator.fakes import eco_domain

from eco2_operator import app, kopf_watch
from eco2_operator.controller import WATCHED
from eco2_operator.errors import ChildError, Forbidden, KindMissing, SettingsError, Unavailable
from eco2_operator.kinds import ECO_DOMAIN, ECO_INGRESS, POD, RESOURCES, SERVICE, SURROUNDINGS, Kind
from eco2_operator.kube import Page
from eco2_operator.naming import SELECTOR, Manifest, Ref
from eco2_operator.settings import Settings
from eco2_operator.workqueue import Backoff


class Listening:
    """A controller that notes what it is told; works until it is cancelled or told to fail."""

    def __init__(self) -> None:
        self.firsts: list[str] = []
        self.observed: list[tuple[Kind, str | None, Manifest]] = []
        self.relists: list[str] = []
        self.failed = asyncio.Event()
        self.working = asyncio.Event()
        self.log: list[str] = []
        self.served_kinds: set[Kind] = set()

    def first(self, obj: Manifest) -> None:
        self.firsts.append(obj["metadata"]["name"])

    def observe(self, kind: Kind, event_type: str | None, obj: Manifest) -> None:
        self.observed.append((kind, event_type, obj))

    def relisted(self, kind: Kind, namespace: str, live: set[Ref], version: str) -> None:
        self.relists.append(f"{kind.plural}{namespace and '@'}{namespace}")

    def served(self, kind: Kind, *, is_served: bool) -> None:
        self.served_kinds.add(kind)

    async def run(self) -> None:
        self.working.set()
        try:
            await self.failed.wait()
        except asyncio.CancelledError:
            self.log.append("controller cancelled")
            raise
        raise RuntimeError("the queue is broken")

    async def stop(self, *, grace: float) -> None:
        self.log.append("queue stopped")


class Cluster:
    """A client of an API server with no children; its watches say nothing.

    Args:
        domains: what each attempt to list EcoDomains meets, one after the other; then the last one again.
    """

    def __init__(self, *domains: list[str] | Exception) -> None:
        self.domains = list(domains) or [[]]
        self.failing: dict[Kind, Exception] = {}
        self.asked: set[tuple[Kind, str, str]] = set()
        self.watching = 0
        self.closed = False

    async def pages(self, kind: Kind, namespace: str, selector: str) -> AsyncIterator[Page]:
        self.asked.add((kind, namespace, selector))
        if kind in self.failing:
            raise self.failing[kind]
        found: list[str] | Exception = []
        if kind is ECO_DOMAIN:
            found = self.domains.pop(0) if len(self.domains) > 1 else self.domains[0]
        if isinstance(found, Exception):
            yield Page([eco_domain("before-the-error")], "7")
            raise found
        yield Page([eco_domain(name) for name in found], "7")

    async def changes(
        self, kind: Kind, namespace: str, selector: str, version: str
    ) -> AsyncIterator[tuple[str, Manifest]]:
        self.watching += 1
        try:
            await asyncio.Event().wait()
            yield "", {}
        finally:
            self.watching -= 1

    async def close(self) -> None:
        self.closed = True


async def operate(controller: Any, cluster: Any = None, settings: Settings | None = None) -> None:
    settings, cluster = settings or Settings(), cluster or Cluster()
    await app._run_until_signalled(
        controller, app._watchers(cluster, controller, settings), controller, cluster, settings
    )


def registry_for(controller: Any) -> Any:
    return kopf_watch.registry(controller)


def test_kopf_watches_domains_alone_and_indexes_nothing() -> None:
    registry = registry_for(Listening())
    (handler,) = registry._watching._handlers
    selector = handler.selector
    assert (selector.group, selector.version, selector.any_name or selector.plural) == (
        ECO_DOMAIN.group,
        ECO_DOMAIN.version,
        ECO_DOMAIN.plural,
    )
    assert registry._indexing._handlers == []
    assert registry._changing._handlers == []
    assert registry._spawning._handlers == []


async def test_what_kopf_tells_goes_to_the_controller() -> None:
    controller = Listening()
    (handler,) = registry_for(controller)._watching._handlers
    for event_type in (None, "DELETED"):
        await handler.fn(event={"type": event_type, "object": eco_domain()}, logger=None)
    assert controller.observed == [(ECO_DOMAIN, None, eco_domain()), (ECO_DOMAIN, "DELETED", eco_domain())]


def test_everything_else_is_watched_by_us_once_and_all_but_our_resources_by_our_label_only() -> None:
    watched = dict(app.WATCHED_BY_US)
    assert len(watched) == len(app.WATCHED_BY_US)
    assert set(watched) == {*WATCHED, *SURROUNDINGS} - {ECO_DOMAIN}
    whole = {*RESOURCES, *SURROUNDINGS} - {ECO_DOMAIN}
    assert {kind for kind, selector in watched.items() if selector == ""} == whole
    assert set(watched.values()) == {"", SELECTOR}


def test_kopf_neither_posts_events_nor_keeps_state_and_notices_a_silent_watch() -> None:
    settings = kopf_watch.settings_of_kopf()
    assert settings.posting.enabled is False
    assert settings.peering.standalone is True
    assert settings.watching.inactivity_timeout == 90
    storage = settings.persistence.diffbase_storage
    assert storage.build(body=kopf.Body(eco_domain())) == {}
    assert storage.fetch(body=kopf.Body(eco_domain())) is None
    assert storage.store(body=kopf.Body(eco_domain()), patch=kopf.Patch(), essence={"spec": 1}) is None


def test_a_watch_is_retried_for_ever_with_growing_gaps_up_to_half_a_minute() -> None:
    delays = list(islice(kopf_watch.settings_of_kopf().networking.error_backoffs, 1000))  # type: ignore[arg-type]
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
    connection = await kopf_watch.connect()
    assert (connection.server, connection.headers["Authorization"]) == ("http://inside", "Bearer t1")
    assert connection.tls is None
    login(monkeypatch, None, outside)
    assert (await kopf_watch.connect()).server == "http://outside"


async def test_a_server_over_https_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    login(monkeypatch, kopf.ConnectionInfo(server="https://inside", token="t1"), None)
    tls = (await kopf_watch.connect()).tls
    assert tls is not None
    assert tls.check_hostname is True


async def test_kopf_logs_in_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = kopf.ConnectionInfo(server="http://inside")
    login(monkeypatch, inside, None)
    (handler,) = registry_for(Listening())._activities._handlers
    assert await handler.fn() is inside


async def test_without_any_login_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    login(monkeypatch, None, None)
    with pytest.raises(SettingsError, match="set KUBECONFIG"):
        await kopf_watch.connect()


async def test_a_login_that_fails_says_why_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: Any) -> None:
        raise kopf.LoginError("the context 'prod' does not exist")

    monkeypatch.setattr(kopf, "login_with_service_account", broken)
    with pytest.raises(SettingsError, match="the context 'prod' does not exist; set KUBECONFIG"):
        await kopf_watch.connect()


def test_without_a_login_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    login(monkeypatch, None, None)
    monkeypatch.setattr(app, "_operate", None)
    monkeypatch.setattr(app.logs, "configure", lambda **_: None)
    with pytest.raises(SettingsError):
        app.run(Settings())


def test_times_are_utc_and_whole_seconds() -> None:
    now = app._now()
    assert len(now) == len("2026-11-22T10:00:00Z")
    assert now.endswith("Z")


class Kopf(Protocol):
    """What stands in for ``kopf.operator``."""

    async def __call__(self, **kwargs: Any) -> None: ...


@pytest.fixture
def signals() -> Iterator[None]:
    """Afterwards the handlers are as they were; until ours are in place a signal does no harm."""
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


def kopf_watching(controller: Any, *, at_start: Callable[[], None] = lambda: None) -> Kopf:
    """A kopf that behaves."""

    async def operator(**kwargs: Any) -> None:
        controller.kwargs = kwargs
        controller.log.append("kopf started")
        kwargs["ready_flag"].set()
        at_start()
        await kwargs["stop_flag"].wait()
        controller.log.append("kopf stopped")

    return operator


async def ends(running: asyncio.Task[None]) -> None:
    await asyncio.wait_for(running, 5)
    assert asyncio.all_tasks() == {asyncio.current_task()}  # nothing of it goes on


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_work_first_and_kopf_last(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller: Any = Listening()
    cluster = Cluster(["scan", "chat"])
    started = asyncio.Event()
    kopf_that(monkeypatch, kopf_watching(controller, at_start=started.set))
    running = asyncio.create_task(operate(controller, cluster))
    await asyncio.wait_for(started.wait(), 5)
    assert controller.working.is_set()
    assert controller.firsts == ["scan", "chat"]
    assert sorted(controller.relists) == sorted(kind.plural for kind, _ in app.WATCHED_BY_US)
    assert controller.served_kinds == {kind for kind, _ in app.WATCHED_BY_US}
    assert cluster.asked == {(ECO_DOMAIN, "", "")} | {(kind, "", selector) for kind, selector in app.WATCHED_BY_US}
    assert cluster.watching == len(app.WATCHED_BY_US)
    os.kill(os.getpid(), number)
    await ends(running)
    assert controller.log == ["kopf started", "queue stopped", "controller cancelled", "kopf stopped"]
    assert controller.kwargs["standalone"] is True
    assert controller.kwargs["clusterwide"] is True
    assert cluster.watching == 0


@pytest.mark.usefixtures("signals")
async def test_given_namespaces_are_watched_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    controller: Any = Listening()
    cluster = Cluster()
    kopf_that(monkeypatch, kopf_watching(controller, at_start=controller.failed.set))
    with pytest.raises(RuntimeError, match="the queue is broken"):
        await operate(controller, cluster, Settings(namespaces=("shop", "pay")))
    assert controller.kwargs["clusterwide"] is False
    assert controller.kwargs["namespaces"] == ("shop", "pay")
    assert controller.log == ["kopf started", "queue stopped", "kopf stopped"]
    everything = {(ECO_DOMAIN, ""), *app.WATCHED_BY_US}
    assert cluster.asked == {
        (kind, ns, selector)
        for kind, selector in everything
        for ns in (("",) if kind in SURROUNDINGS else ("shop", "pay"))
    }


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
        await ends(asyncio.create_task(operate(controller)))
    assert controller.log == ["queue stopped", "controller cancelled"]


async def is_quiet() -> None:
    for _ in range(100):
        await asyncio.sleep(0)


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("kind", [SERVICE, POD, ECO_INGRESS, ECO_DOMAIN])
async def test_nothing_is_done_before_everything_has_been_listed_and_a_signal_is_heard_meanwhile(
    monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    controller: Any = Listening()
    cluster = Cluster(["scan"])
    cluster.failing[kind] = Unavailable("down")
    kopf_that(monkeypatch, kopf_watching(controller))
    running = asyncio.create_task(operate(controller, cluster))
    await signal_handlers_in_place()
    await is_quiet()
    assert not controller.working.is_set()
    assert controller.log == []
    os.kill(os.getpid(), signal.SIGTERM)
    await ends(running)
    assert controller.log == ["queue stopped"]


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("error", [KindMissing("not served"), Forbidden("not allowed")])
async def test_a_kind_that_is_not_served_or_not_allowed_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, error: ChildError
) -> None:
    controller: Any = Listening()
    cluster = Cluster(["scan"])
    cluster.failing[ECO_INGRESS] = error
    kopf_that(monkeypatch, kopf_watching(controller))
    running = asyncio.create_task(operate(controller, cluster))
    await asyncio.wait_for(controller.working.wait(), 0.3)
    assert controller.firsts == ["scan"]
    os.kill(os.getpid(), signal.SIGTERM)
    await ends(running)


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("error", [Unavailable("down"), KindMissing("no definition yet"), Forbidden("no role yet")])
async def test_the_list_of_domains_is_repeated_until_it_is_whole(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: ChildError
) -> None:
    controller: Any = Listening()
    monkeypatch.setattr(app, "START_BACKOFF", Backoff(0.01, 0.01))
    kopf_that(monkeypatch, kopf_watching(controller))
    running = asyncio.create_task(operate(controller, Cluster(error, error, ["scan"])))
    await asyncio.wait_for(controller.working.wait(), 5)
    assert controller.firsts[-1] == "scan"
    waits = [vars(record)["reason"] for record in caplog.records if record.message == "waiting to list EcoDomains"]
    assert waits == [error.reason] * 2
    os.kill(os.getpid(), signal.SIGTERM)
    await ends(running)


@pytest.mark.usefixtures("signals")
async def test_the_list_of_domains_waits_as_long_as_the_server_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    busy = Unavailable("HTTP 429")
    busy.retry_after = 17.0
    controller: Any = Listening()
    monkeypatch.setattr(asyncio, "sleep", noted)
    await app._list_domains(controller, Cluster(busy, ["scan"]), Settings())  # type: ignore[arg-type]
    assert slept == [17.0]


@pytest.mark.usefixtures("signals")
async def test_a_fault_in_the_first_list_ends_the_operator_instead_of_letting_it_work_half_blind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    controller: Any = Listening()
    kopf_that(monkeypatch, kopf_watching(controller))
    with pytest.raises(ZeroDivisionError):
        await ends(asyncio.create_task(operate(controller, Cluster(ZeroDivisionError()))))
    assert not controller.working.is_set()
    assert controller.log == ["queue stopped"]


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("late", [False, True])
async def test_a_watch_that_dies_ends_the_operator_with_its_error(
    monkeypatch: pytest.MonkeyPatch, *, late: bool
) -> None:
    controller: Any = Listening()
    cluster = Cluster(["scan"])
    died = asyncio.Event()

    async def changes(kind: Kind, namespace: str, selector: str, version: str) -> AsyncIterator[tuple[str, Manifest]]:
        await (died.wait() if kind is POD else asyncio.Event().wait())
        yield "ADDED", {"metadata": {}}

    cluster.changes = changes  # type: ignore[method-assign]
    kopf_that(monkeypatch, kopf_watching(controller, at_start=died.set))
    if not late:
        died.set()
        cluster.failing[SERVICE] = Unavailable("the barrier is closed")
    with pytest.raises(KeyError):
        await ends(asyncio.create_task(operate(controller, cluster)))
    assert controller.log[-1] == ("kopf stopped" if late else "queue stopped")


@pytest.mark.usefixtures("signals")
async def test_the_operator_serves_its_health_and_cleans_up_when_it_ends(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def operator(**kwargs: Any) -> None:
        kwargs["ready_flag"].set()
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)
        await kwargs["stop_flag"].wait()

    cluster = Cluster(["scan"])
    monkeypatch.setattr(app, "Client", lambda *_, **__: cluster)
    kopf_that(monkeypatch, operator)
    with caplog.at_level("INFO"):
        await asyncio.wait_for(app._operate(Settings(http_address="127.0.0.1:0")), 5)
    messages = [record.message for record in caplog.records if record.name.startswith("eco2_operator")]
    assert messages[:2] == ["no Lease: this process must be the only operator", "serving health and metrics"]
    assert messages[-1] == "stopped"
    assert cluster.closed
