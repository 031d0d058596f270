"""From watch events to keys in the queue, and what sweeps find. Time jumps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy
from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import KEY, NAMESPACE, FakeApi, child, eco_domain, in_virtual_time

from eco2_operator.build.entrance.names import gateway_key
from eco2_operator.cache import Cache
from eco2_operator.controller import CONFIRM_SECONDS, RELIST_QUIET_SECONDS, WATCH_GRACE_SECONDS, WATCHED, Controller
from eco2_operator.errors import KindMissing, Unavailable
from eco2_operator.kinds import (
    AUTHORIZATION_POLICY,
    DEPLOYMENT,
    ECO_DOMAIN,
    ECO_INGRESS,
    ENVOY_FILTER,
    EXTERNAL_SECRET,
    OPTIONAL,
    PEER_AUTHENTICATION,
    POD,
    REPLICA_SET,
    SERVICE,
    SERVICE_MONITOR,
    VIRTUAL_SERVICE,
    Kind,
)
from eco2_operator.naming import API_VERSION, Key, Manifest, Ref

RESYNC = 600.0
FRONT = Key("EcoIngress", NAMESPACE, "front")
GATE = gateway_key("istio-ingress", {"istio": "ingressgateway"})
SCAN = Ref("apps", "Deployment", NAMESPACE, "scan")


class Queue:
    """Notes what is added; works until it is cancelled."""

    def __init__(self) -> None:
        self.added: list[Key] = []
        self.delays: list[float] = []
        self.working = False

    def add(self, key: Key, *, after: float = 0.0) -> None:
        self.added.append(key)
        self.delays.append(after)

    async def run(self) -> None:
        self.working = True
        await asyncio.Event().wait()

    def take(self) -> set[Key]:
        """What was added since the last call."""
        taken, self.added = set(self.added), []
        return taken


class World:
    """A controller between a cluster and a queue."""

    def __init__(self, *namespaces: str) -> None:
        self.api = FakeApi()
        self.cache = Cache()
        self.queue = Queue()
        self.controller = Controller(
            self.cache,
            self.queue,  # type: ignore[arg-type]
            self.api,
            namespaces=namespaces or ("",),
            resync_seconds=RESYNC,
            random=lambda: 0.5,
        )

    def observe(self, obj: Manifest, event: str | None = "MODIFIED") -> None:
        kind = next(k for k in WATCHED if k.name == obj["kind"])
        self.controller.observe(kind, event, obj)


def deployment(version: str = "5", **metadata: Any) -> Manifest:
    return child(DEPLOYMENT, resourceVersion=version, **{"uid": "u1", **metadata})


def pod(version: str = "5", *, reason: str = "", name: str = "scan-1", label: str = "scan") -> Manifest:
    state = {"waiting": {"reason": reason}} if reason else {"running": {}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": name,
            "resourceVersion": version,
            "labels": {"app.kubernetes.io/name": label, "app.kubernetes.io/managed-by": "eco2-operator"},
        },
        "status": {"containerStatuses": [{"name": "app", "state": state}]},
    }


def replica_set(version: str = "5", *, failure: bool = False) -> Manifest:
    conditions = [{"type": "ReplicaFailure", "status": "True"}] if failure else []
    return {**pod(version), "apiVersion": "apps/v1", "kind": "ReplicaSet", "status": {"conditions": conditions}}


def ingress(version: str, *domains: str, provider: str = "alb", target: str = "domain") -> Manifest:
    return {
        "apiVersion": API_VERSION,
        "kind": "EcoIngress",
        "metadata": {"name": "front", "namespace": NAMESPACE, "uid": "front", "resourceVersion": version},
        "spec": {
            "provider": provider,
            "alb": {"target": target},
            "routes": [{"path": "/", "domain": {"name": name}} for name in domains],
        },
    }


def keys(*names: str) -> set[Key]:
    return {Key("EcoDomain", NAMESPACE, name) for name in names}


async def settle(seconds: float = RELIST_QUIET_SECONDS + WATCH_GRACE_SECONDS + 1) -> None:
    await asyncio.sleep(seconds)


@in_virtual_time
async def test_every_listed_resource_is_stored_and_queued_though_nobody_has_told_of_it_yet() -> None:
    world = World()
    for obj in (eco_domain(), eco_domain("chat", uid="u2")):
        world.controller.first(obj)
    assert world.queue.take() == keys("scan", "chat")
    assert world.cache.resource(KEY) == eco_domain()
    assert not world.controller.informed


@in_virtual_time
async def test_what_kopf_lists_after_us_is_no_news_unless_it_changed_meanwhile() -> None:
    world = World()
    world.controller.first(eco_domain())
    world.controller.first(eco_domain("chat", uid="u2"))
    world.queue.take()
    changed = eco_domain("chat", uid="u2")
    changed["metadata"]["resourceVersion"] = "9"
    world.observe(eco_domain(), None)
    world.observe(changed, None)
    assert world.queue.take() == keys("chat")
    assert world.cache.version(Ref.of(changed)) == "9"


@in_virtual_time
async def test_kopfs_first_list_leads_to_no_sweep() -> None:
    world = World()
    world.controller.first(eco_domain())
    world.observe(eco_domain(), None)
    world.api.failures["list", "EcoDomain"] = Unavailable("nobody should ask")
    await settle()
    assert world.controller._tasks == set()
    assert world.controller._sweeps == {}


@in_virtual_time
async def test_kopfs_second_list_leads_to_a_sweep() -> None:
    world = World()
    world.controller.first(eco_domain())
    for _ in range(2):
        world.observe(eco_domain(), None)
    world.queue.take()
    await settle()
    assert world.queue.take() == keys("scan")
    assert world.cache.resource(KEY) is None


@in_virtual_time
async def test_a_resource_listed_twice_at_the_start_because_the_first_list_broke_off_is_one() -> None:
    world = World()
    for _ in range(2):
        world.controller.first(eco_domain())
    world.observe(eco_domain(), None)
    await settle()
    assert world.controller._sweeps == {}


@in_virtual_time
async def test_a_resource_deleted_right_after_the_first_list_is_queued_and_gone() -> None:
    world = World()
    world.controller.first(eco_domain())
    world.queue.take()
    world.observe(eco_domain(), "DELETED")
    assert world.queue.take() == keys("scan")
    assert world.cache.resource(KEY) is None


@in_virtual_time
async def test_a_resource_that_went_between_our_list_and_kopfs_is_found_within_a_minute_or_so() -> None:
    world = World()
    world.controller.first(eco_domain())
    world.api.store(eco_domain("chat", uid="u2"))
    chat = world.api.objects[Ref.of(eco_domain("chat"))]
    world.controller.first(chat)
    world.queue.take()
    async with running(world):
        world.observe(chat, None)
        await asyncio.sleep(CONFIRM_SECONDS - 1)
        assert world.cache.resource(KEY) is not None
        await settle(1 + RELIST_QUIET_SECONDS + WATCH_GRACE_SECONDS + 1)
        assert world.cache.resource(KEY) is None
        assert world.queue.take() == keys("scan")
        assert world.cache.get(Ref.of(chat)) is not None


@in_virtual_time
async def test_when_kopf_has_told_of_everything_nothing_is_swept_before_the_resync() -> None:
    world = World()
    world.controller.first(eco_domain())
    world.api.failures["list", "EcoDomain"] = Unavailable("nobody should ask")
    async with running(world):
        world.observe(eco_domain(), None)
        await asyncio.sleep(CONFIRM_SECONDS + 10)
        assert (world.controller._sweeps, world.controller._tasks) == ({}, set())


def listed(world: World, version: str, *live: Manifest, namespace: str = "") -> None:
    """A watcher has listed every Deployment."""
    for obj in live:
        world.observe(obj, "ADDED")
    world.controller.relisted(DEPLOYMENT, namespace, {Ref.of(obj) for obj in live}, version)


@in_virtual_time
async def test_what_a_new_list_does_not_have_is_gone_and_its_owner_queued() -> None:
    world = World()
    other = child(DEPLOYMENT, "other", uid="u2", resourceVersion="6")
    world.cache.put(deployment("5"))
    world.cache.put(other)
    listed(world, "9", other)
    assert world.queue.take() == keys("scan")
    assert world.cache.get(SCAN) is None
    assert world.cache.get(Ref.of(other)) is not None
    listed(world, "9", other)
    assert world.queue.take() == set()
    await settle()
    assert world.api.reads == []


@in_virtual_time
async def test_what_was_written_after_the_list_is_not_gone() -> None:
    world = World()
    world.cache.put(deployment("10"))
    listed(world, "9")
    assert world.cache.get(SCAN) is not None
    assert world.queue.take() == set()
    listed(world, "10")  # of that very moment: now its absence counts
    assert world.cache.get(SCAN) is None
    assert world.queue.take() == keys("scan")


@in_virtual_time
async def test_a_list_without_a_version_says_nothing_about_what_is_gone() -> None:
    world = World()
    world.cache.put(deployment("5"))
    listed(world, "")
    assert world.cache.get(SCAN) is not None


@in_virtual_time
async def test_a_list_of_one_namespace_or_kind_says_nothing_about_the_others() -> None:
    world = World(NAMESPACE, "other")
    world.cache.put(deployment("5"))
    elsewhere = {**deployment("5")}
    elsewhere["metadata"] = {**elsewhere["metadata"], "namespace": "other"}
    world.cache.put(elsewhere)
    world.cache.put(child(SERVICE, uid="u3", resourceVersion="5"))
    listed(world, "9", namespace="other")
    assert world.cache.get(Ref.of(elsewhere)) is None
    assert world.cache.get(SCAN) is not None
    assert world.cache.get(Ref("", "Service", NAMESPACE, "scan")) is not None


@in_virtual_time
async def test_an_alb_ingress_a_new_list_does_not_have_queues_the_domains_it_routed_to() -> None:
    world = World()
    world.observe(ingress("1", "scan", "chat"), "ADDED")
    world.queue.take()
    world.controller.relisted(ECO_INGRESS, "", set(), "9")
    assert world.queue.take() == {*keys("scan", "chat"), FRONT}


@in_virtual_time
async def test_a_listed_update_that_the_watch_had_lost_queues_the_owner() -> None:
    world = World()
    world.cache.put(deployment("5"))
    listed(world, "9", deployment("8"))
    assert world.cache.version(SCAN) == "8"
    assert world.queue.take() == keys("scan")
    await settle()
    assert world.controller._sweeps == {}  # our own lists are complete: nothing has to be swept


@in_virtual_time
async def test_a_resource_is_queued_when_it_changes_and_not_when_the_cache_has_it_already() -> None:
    world = World()
    world.observe(eco_domain(), "ADDED")
    assert world.queue.take() == keys("scan")
    world.observe(eco_domain())
    assert world.queue.take() == set()
    newer = eco_domain()
    newer["metadata"]["resourceVersion"] = "9"
    world.observe(newer)
    assert world.queue.take() == keys("scan")
    world.observe(newer, "DELETED")
    assert world.queue.take() == keys("scan")


@in_virtual_time
async def test_a_child_queues_its_owner_when_it_changes_or_goes_but_our_own_write_does_not() -> None:
    world = World()
    world.cache.put(deployment("5"))
    world.observe(deployment("5"))
    assert world.queue.take() == set()
    world.observe(deployment("6"))
    assert world.queue.take() == keys("scan")
    world.observe(deployment("6"), "DELETED")
    assert world.queue.take() == keys("scan")
    assert world.cache.get(SCAN) is None


@in_virtual_time
async def test_a_child_stripped_of_its_owner_queues_the_owner_it_had() -> None:
    world = World()
    world.cache.put(deployment("5"))
    world.observe(deployment("6", ownerReferences=[]))
    assert world.queue.take() == keys("scan")
    world.observe(deployment("7", ownerReferences=[]))
    assert world.queue.take() == set()


@in_virtual_time
async def test_a_late_deletion_of_a_replaced_child_concerns_nobody() -> None:
    world = World()
    world.cache.put(deployment("9"))
    world.observe(deployment("7", uid="old"), "DELETED")
    assert world.queue.take() == set()
    assert world.cache.get(SCAN) is not None


@in_virtual_time
async def test_a_pod_queues_its_owner_only_while_or_after_it_is_in_trouble() -> None:
    world = World()
    world.observe(pod("1"), "ADDED")
    world.observe(pod("2"))
    assert world.queue.take() == set()
    world.observe(pod("3", reason="CrashLoopBackOff"))
    assert world.queue.take() == keys("scan")
    world.observe(pod("4"))
    assert world.queue.take() == keys("scan")
    world.observe(pod("5"))
    world.observe(pod("5"), "DELETED")
    assert world.queue.take() == set()


@in_virtual_time
async def test_a_troubled_pod_of_nobody_concerns_nobody() -> None:
    world = World()
    world.observe(pod("1", reason="CrashLoopBackOff", label=""), "ADDED")
    assert world.queue.take() == set()


@in_virtual_time
async def test_a_replica_set_queues_its_owner_only_when_it_cannot_make_pods_or_can_again() -> None:
    world = World()
    world.observe(replica_set("1"), "ADDED")
    assert world.queue.take() == set()
    world.observe(replica_set("2", failure=True))
    assert world.queue.take() == keys("scan")
    world.observe(replica_set("3"))
    assert world.queue.take() == keys("scan")
    world.observe(replica_set("4"))
    world.observe(replica_set("4"), "DELETED")
    assert world.queue.take() == set()


@in_virtual_time
async def test_an_alb_ingress_queues_the_domains_it_routes_to_and_those_it_no_longer_does() -> None:
    world = World()
    world.observe(ingress("1", "scan", "chat"), "ADDED")
    assert world.queue.take() == {*keys("scan", "chat"), FRONT}
    world.observe(ingress("2", "chat", "my"))
    assert world.queue.take() == {*keys("scan", "chat", "my"), FRONT}
    world.observe(ingress("3", "my", provider="istio"))
    assert world.queue.take() == {*keys("chat", "my"), FRONT, GATE}
    world.observe(ingress("4", "my"))
    world.queue.take()
    world.observe(ingress("4", "my"), "DELETED")
    assert world.queue.take() == {*keys("my"), FRONT}


@in_virtual_time
async def test_a_relist_leads_to_one_sweep_after_the_burst_that_finds_a_lost_deletion() -> None:
    world = World()
    world.cache.put(deployment("5"))
    world.cache.put(child(DEPLOYMENT, "other", uid="u2", resourceVersion="6"))
    world.api.store(child(DEPLOYMENT, "other", uid="u2"))
    other = world.api.objects[Ref("apps", "Deployment", NAMESPACE, "other")]
    world.cache.put(other)
    lists: list[float] = []
    listing = world.api.list_metadata

    async def counted(*args: Any) -> Any:
        lists.append(asyncio.get_running_loop().time())
        return await listing(*args)

    world.api.list_metadata = counted  # type: ignore[method-assign]
    for _ in range(5):
        world.observe(deepcopy(other), None)
        await asyncio.sleep(RELIST_QUIET_SECONDS / 2)
    assert lists == []
    await settle()
    assert lists == [pytest.approx(3.0)]
    assert world.queue.take() == keys("scan")
    assert world.cache.get(SCAN) is None


@in_virtual_time
async def test_a_relists_sweep_is_repeated_until_the_api_server_answers() -> None:
    world = World()
    world.cache.put(deployment("5"))
    world.api.failures["list", "Deployment"] = Unavailable("down")
    world.controller.sweep_soon(DEPLOYMENT)
    await asyncio.sleep(10 * RELIST_QUIET_SECONDS)
    assert world.queue.take() == set()
    world.api.failures.clear()
    await settle()
    assert world.queue.take() == keys("scan")


@in_virtual_time
async def test_the_sweep_of_a_kind_that_is_not_served_is_given_up() -> None:
    world = World()
    world.api.failures["list", "Deployment"] = KindMissing("no such kind")
    world.controller.sweep_soon(DEPLOYMENT)
    await asyncio.sleep(10)
    assert world.controller._sweeps == {}


async def sweep(world: World, kind: Kind = DEPLOYMENT) -> int:
    return await world.controller.sweep(kind)


@in_virtual_time
async def test_a_sweep_finds_an_update_the_watch_has_missed() -> None:
    world = World()
    world.api.store(deployment())
    live = world.api.objects[SCAN]
    world.cache.put({**live, "metadata": {**live["metadata"], "resourceVersion": "1"}})
    assert await sweep(world) == 1
    assert world.cache.version(SCAN) == live["metadata"]["resourceVersion"]
    assert world.queue.take() == keys("scan")


@in_virtual_time
async def test_a_sweep_finds_an_object_the_watch_has_never_told_of() -> None:
    world = World()
    world.api.store(eco_domain())
    assert await sweep(world, ECO_DOMAIN) == 1
    assert world.queue.take() == keys("scan")


@in_virtual_time
async def test_a_sweep_finds_a_child_that_lost_our_label() -> None:
    world = World()
    world.api.store(deployment())
    world.cache.put(world.api.objects[SCAN])
    world.api.edit(SCAN, {("metadata", "labels"): {}})
    assert await sweep(world) == 1
    assert world.cache.get(SCAN) is None
    assert world.queue.take() == keys("scan")


@in_virtual_time
async def test_resources_need_no_label_to_be_swept() -> None:
    world = World()
    world.api.store(eco_domain())
    world.cache.put(world.api.objects[Ref.of(eco_domain())])
    assert await sweep(world, ECO_DOMAIN) == 0
    world.api.edit(Ref.of(eco_domain()), {("spec", "image"): "eco2:scan-2"})
    assert await sweep(world, ECO_DOMAIN) == 1
    assert world.cache.resource(KEY) is not None


@in_virtual_time
async def test_a_sweep_that_finds_nothing_reads_and_queues_nothing_and_takes_no_time() -> None:
    world = World()
    world.api.store(deployment())
    world.cache.put(world.api.objects[SCAN])
    assert await sweep(world) == 0
    assert asyncio.get_running_loop().time() == 0
    assert world.api.reads == []
    assert world.queue.take() == set()


@in_virtual_time
async def test_what_the_watch_delivers_a_little_late_was_not_missed() -> None:
    world = World()
    world.api.store(deployment())
    live = world.api.objects[SCAN]
    world.cache.put({**live, "metadata": {**live["metadata"], "resourceVersion": "1"}})
    sweeping = asyncio.create_task(sweep(world))
    await asyncio.sleep(WATCH_GRACE_SECONDS / 2)
    world.observe(live)
    assert await sweeping == 0
    assert world.api.reads == []


@in_virtual_time
async def test_what_comes_back_or_goes_again_during_the_grace_was_not_missed() -> None:
    world = World()
    world.cache.put(deployment("5"))
    sweeping = asyncio.create_task(sweep(world))
    await asyncio.sleep(WATCH_GRACE_SECONDS / 2)
    world.api._version = 4
    world.api.store(deployment())
    assert world.api.objects[SCAN]["metadata"]["resourceVersion"] == "5"
    assert await sweeping == 0

    world.cache.remove(SCAN)
    sweeping = asyncio.create_task(sweep(world))
    await asyncio.sleep(WATCH_GRACE_SECONDS / 2)
    world.api.remove(SCAN)
    assert await sweeping == 0
    assert world.queue.take() == set()


@in_virtual_time
async def test_a_sweep_covers_every_namespace_given() -> None:
    world = World(NAMESPACE, "other")
    for namespace in (NAMESPACE, "other", "elsewhere"):
        world.api.store(eco_domain(namespace=namespace, uid=namespace))
    assert await sweep(world, ECO_DOMAIN) == 2
    assert world.queue.take() == {KEY, Key("EcoDomain", "other", "scan")}


@asynccontextmanager
async def running(world: World) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(world.controller.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@in_virtual_time
async def test_it_works_the_queue_and_adds_nothing_of_its_own() -> None:
    world = World()
    async with running(world):
        await asyncio.sleep(0)
        assert world.queue.working
        assert world.queue.added == []


@in_virtual_time
async def test_when_it_ends_nothing_of_it_goes_on() -> None:
    world = World()
    world.cache.put(deployment("5"))
    before = asyncio.all_tasks()
    async with running(world):
        world.controller.sweep_soon(DEPLOYMENT)
        await asyncio.sleep(RELIST_QUIET_SECONDS + 0.1)
        world.controller.sweep_soon(ECO_DOMAIN)
        assert {task.get_name() for task in asyncio.all_tasks()} >= {"resync", "sweep deployments"}
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before  # kopf would wait for what is left
    await settle()
    assert world.api.reads == []


@in_virtual_time
async def test_every_resync_sweeps_every_kind_and_queues_every_domain_spread_over_time() -> None:
    world = World()
    for name in ("scan", "chat"):
        world.api.store(eco_domain(name, uid=name))
        world.cache.put(world.api.objects[Ref.of(eco_domain(name))])
    world.cache.put(deployment("5"))  # it was deleted, and the watch did not tell
    swept: list[str] = []
    listing = world.api.list_metadata

    async def noted(kind: Kind, namespace: str, selector: str) -> Any:
        swept.append(kind.name)
        return await listing(kind, namespace, selector)

    world.api.list_metadata = noted  # type: ignore[method-assign]
    async with running(world):
        await asyncio.sleep(RESYNC - 1)
        assert swept == []
        await asyncio.sleep(1 + WATCH_GRACE_SECONDS + 1)
        assert swept == [kind.name for kind in WATCHED if kind not in OPTIONAL]  # none of these is served
        assert world.cache.get(SCAN) is None
        assert world.queue.delays[-2:] == [pytest.approx(30, abs=1)] * 2
        assert world.queue.take() == keys("scan", "chat")
        await asyncio.sleep(RESYNC)
        assert len(swept) == 2 * (len(WATCHED) - len(OPTIONAL))


@in_virtual_time
async def test_resyncs_that_find_something_missed_are_counted_in_a_row() -> None:
    world = World()
    async with running(world):
        for expected in (1, 2):
            world.cache.put(deployment("5"))
            await asyncio.sleep(RESYNC + WATCH_GRACE_SECONDS + 1)
            assert world.controller.missed["Deployment"] == expected
            assert world.controller.missed["Service"] == 0
        await asyncio.sleep(RESYNC)
        assert world.controller.missed["Deployment"] == 0


@pytest.mark.parametrize(
    "error", [Unavailable("down"), KindMissing("not served"), ValueError("a fault in the operator itself")]
)
@in_virtual_time
async def test_no_error_ends_the_resync_or_keeps_the_other_kinds_from_it(error: Any) -> None:
    world = World()
    for kind in (ECO_DOMAIN, SERVICE):
        world.api.failures["list", kind.name] = error
    world.cache.put(deployment("5"))
    async with running(world):
        await asyncio.sleep(RESYNC + 60)
        assert world.cache.get(SCAN) is None
        assert world.queue.take() == keys("scan")
        world.cache.put(deployment("6"))
        await asyncio.sleep(RESYNC + 60)
        assert world.queue.take() == keys("scan")
        assert "EcoDomain" not in world.controller.missed


@in_virtual_time
async def test_an_error_of_the_queue_ends_the_controller() -> None:
    world = World()

    async def broken() -> None:
        raise RuntimeError("the queue is broken")

    world.queue.run = broken  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="the queue is broken"):
        await world.controller.run()


def test_ingresses_pods_and_replica_sets_are_watched_beside_what_we_make() -> None:
    assert {ECO_DOMAIN, ECO_INGRESS, POD, REPLICA_SET, SERVICE, DEPLOYMENT} <= set(WATCHED)


@in_virtual_time
async def test_an_optional_kind_that_comes_or_goes_queues_whoever_needs_it() -> None:
    world = World()
    binding = {**ingress("1"), "kind": "EcoSecretBinding", "spec": {"keys": []}}
    for obj in (eco_domain(), ingress("1"), binding):
        world.cache.put(obj)
    secret = Key("EcoSecretBinding", NAMESPACE, "front")
    for kind, concerned in (
        (AUTHORIZATION_POLICY, {KEY, FRONT}),
        (VIRTUAL_SERVICE, {FRONT}),
        (ENVOY_FILTER, {FRONT}),
        (SERVICE_MONITOR, {KEY}),
        (PEER_AUTHENTICATION, {KEY}),
        (EXTERNAL_SECRET, {secret}),
    ):
        for is_served in (True, False):
            world.controller.served(kind, is_served=is_served)
            assert world.queue.take() == concerned
            world.controller.served(kind, is_served=is_served)
            assert world.queue.take() == set()


@in_virtual_time
async def test_a_resync_queues_the_entrances_and_what_they_share() -> None:
    world = World()
    shared = child(ENVOY_FILTER, "eco2-gateway", uid="f", resourceVersion="1", ownerReferences=[])
    shared["metadata"]["annotations"] = {"eco2.growbin.app/owner": str(GATE)}
    for obj in (ingress("1"), shared):
        world.cache.put(obj)
        world.api.store(obj)
    async with running(world):
        await asyncio.sleep(RESYNC + 2 * (WATCH_GRACE_SECONDS + 1))
        assert world.queue.take() >= {FRONT, GATE}
