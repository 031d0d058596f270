"""One EcoDomain from what is wanted to what is, on an API server in memory."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import DOMAIN_UID, KEY, NAMESPACE, NOW, Clock, FakeApi, child, eco_domain

from eco2_operator import metrics
from eco2_operator.cache import Cache, Change
from eco2_operator.errors import Forbidden, NamespaceGone, Unavailable
from eco2_operator.kinds import NETWORK_POLICY, POD, REPLICA_SET, SERVICE
from eco2_operator.naming import Key, Manifest, Ref, owner_reference
from eco2_operator.reconcile.domain import DomainReconciler
from eco2_operator.reconcile.report import SETTLE_SECONDS
from eco2_operator.settings import Settings
from eco2_operator.status.conditions import find
from eco2_operator.workqueue import Retry

DOMAIN = Ref("eco2.growbin.app", "EcoDomain", NAMESPACE, "scan")
SCAN_DEPLOYMENT = Ref("apps", "Deployment", NAMESPACE, "scan")
SCAN_SERVICE = Ref("", "Service", NAMESPACE, "scan")
HPA = Ref("autoscaling", "HorizontalPodAutoscaler", NAMESPACE, "scan")
CHILDREN = ["ServiceAccount", "NetworkPolicy", "Service", "Deployment"]


@dataclass
class World:
    """A reconciler, its cache, and a cluster whose watch is asked by hand."""

    api: FakeApi = field(default_factory=FakeApi)
    cache: Cache = field(default_factory=Cache)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.reconciler = DomainReconciler(
            self.api,
            self.cache,
            Settings.model_construct().cluster,
            clock=self.clock,
            now=lambda: NOW,
            instance="test",
        )

    async def reconcile(self, key: Key = KEY) -> Retry | None:
        return await self.reconciler(key)

    def put(self, **spec: Any) -> None:
        """A user creates or replaces the EcoDomain."""
        self.api.store(eco_domain(**spec))
        self.watch()

    def watch(self) -> None:
        """The watch delivers what is in the cluster."""
        for obj in self.api.objects.values():
            self.cache.put(obj)
        for ref in list(self.cache._entries):
            if ref not in self.api.objects and ref.kind not in ("Pod", "ReplicaSet"):
                self.cache.remove(ref)

    def roll_out(self, **numbers: int) -> None:
        """The Deployment's controller does its work: every pod serves, unless numbers say otherwise."""
        live = self.api.objects[SCAN_DEPLOYMENT]
        wanted = live["spec"]["replicas"]
        names = ("replicas", "updatedReplicas", "availableReplicas", "readyReplicas")
        status = dict.fromkeys(names, wanted) | numbers
        status["observedGeneration"] = live["metadata"]["generation"]
        self.api.edit(SCAN_DEPLOYMENT, {("status",): status}, manager="kube-controller-manager", sub="status")
        self.watch()

    async def serve(self, **spec: Any) -> None:
        """The EcoDomain is there and Ready; what was written to get there does not count."""
        self.put(**spec)
        await self.reconcile()
        self.watch()
        self.roll_out()
        await self.reconcile()
        assert self.ready() == ("True", "Ready")
        self.watch()
        self.api.writes.clear()
        self.api.reads.clear()

    @property
    def status(self) -> Manifest:
        status: Manifest = self.api.objects[DOMAIN].get("status", {})
        return status

    def ready(self) -> tuple[str, str]:
        found = find(self.status["conditions"], "Ready")
        assert found is not None
        return found["status"], found["reason"]

    def inventory(self) -> dict[str, str]:
        return {item["kind"]: item["uid"] for item in self.status.get("inventory", [])}

    def take(self) -> list[tuple[str, str]]:
        """(verb, kind) of every write since the last call."""
        writes, self.api.writes = self.api.writes, []
        return [(write.verb, write.ref.kind) for write in writes]


@pytest.fixture
def world() -> World:
    return World()


STATUS = ("apply", "EcoDomain")
EVENT = ("create", "Event")
REVISION = ("apply", "ControllerRevision")


async def test_every_child_is_made_pods_last_and_the_status_written_once(world: World) -> None:
    world.put()
    assert await world.reconcile() is None
    writes = world.take()
    assert [kind for _, kind in writes[:-1]] == CHILDREN
    assert writes[-1] == STATUS  # under way: no Event
    assert world.api.reads == []
    assert world.ready() == ("False", "Progressing")
    assert world.inventory() == {kind: uid_of(world, kind) for kind in CHILDREN}


def uid_of(world: World, kind: str) -> str:
    return next(str(obj["metadata"]["uid"]) for ref, obj in world.api.objects.items() if ref.kind == kind)


async def test_a_resource_that_is_as_wanted_causes_no_request_at_all(world: World) -> None:
    await world.serve()
    for _ in range(3):
        assert await world.reconcile() is None
    assert world.take() == []
    assert world.api.reads == []


async def test_a_restart_writes_nothing(world: World) -> None:
    await world.serve()
    restarted = World(api=world.api)
    restarted.watch()
    assert await restarted.reconcile() is None
    assert restarted.take() == []
    assert restarted.api.reads == []


async def test_the_status_is_written_as_its_own_subresource_for_this_very_object(world: World) -> None:
    world.put()
    await world.reconcile()
    write = world.api.writes[-1]
    assert (write.ref, write.subresource, write.force) == (DOMAIN, "status", True)
    assert set(write.body) == {"apiVersion", "kind", "metadata", "status"}
    assert write.body["metadata"] == {"name": "scan", "namespace": NAMESPACE, "uid": DOMAIN_UID}


async def test_ready_is_told_once_as_an_event(world: World) -> None:
    world.put()
    await world.reconcile()
    world.roll_out()
    world.take()
    assert await world.reconcile() is None
    assert world.take() == [STATUS, EVENT, REVISION]
    world.watch()
    await world.reconcile()
    assert world.take() == []


async def test_an_event_that_cannot_be_written_is_not_worth_a_retry(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.put()
    await world.reconcile()
    world.roll_out()
    world.api.failures["create", "Event"] = Forbidden("no events for you")
    assert await world.reconcile() is None
    assert world.ready() == ("True", "Ready")
    assert "event not written" in caplog.text


async def test_time_to_ready_counts_from_the_change_to_ready_once(world: World) -> None:
    histogram = metrics.TIME_TO_READY.labels("EcoDomain")
    before = histogram._sum.get()
    world.put()
    await world.reconcile()
    world.clock.turn(7)
    world.roll_out()
    await world.reconcile()
    assert histogram._sum.get() == before + 7
    world.clock.turn(100)
    world.watch()
    await world.reconcile()
    assert histogram._sum.get() == before + 7


async def test_a_changed_spec_changes_what_it_concerns_and_nothing_else(world: World) -> None:
    await world.serve()
    world.put(image="eco2:scan-1.0.7")
    assert await world.reconcile() is None
    assert world.take() == [("apply", "Deployment"), STATUS]
    assert world.ready() == ("False", "Progressing")
    assert world.status["observedGeneration"] == world.api.objects[DOMAIN]["metadata"]["generation"] == 2


async def test_numbers_of_pods_alone_are_written_a_moment_later_and_once(world: World) -> None:
    await world.serve(replicas=6)
    world.roll_out(availableReplicas=2, readyReplicas=2)
    await world.reconcile()
    world.take()
    began = world.clock()
    for ready in (3, 4, 5):
        world.roll_out(availableReplicas=ready, readyReplicas=ready)
        retry = await world.reconcile()
        assert retry is not None
        assert retry.after == pytest.approx(began + SETTLE_SECONDS - world.clock())
        world.clock.turn(SETTLE_SECONDS / 4)
    assert world.take() == []
    world.clock.turn(SETTLE_SECONDS / 4)
    assert await world.reconcile() is None
    assert world.take() == [STATUS]
    assert world.status["readyReplicas"] == 5


async def test_numbers_that_come_back_are_never_written(world: World) -> None:
    await world.serve(replicas=2)
    world.roll_out(availableReplicas=1, readyReplicas=1)
    await world.reconcile()
    world.watch()
    world.take()
    world.roll_out(availableReplicas=1, readyReplicas=0)
    assert await world.reconcile() is not None
    world.roll_out(availableReplicas=1, readyReplicas=1)
    assert await world.reconcile() is None
    world.clock.turn(SETTLE_SECONDS)
    world.roll_out(availableReplicas=1, readyReplicas=0)
    retry = await world.reconcile()
    assert retry is not None
    assert retry.after == pytest.approx(SETTLE_SECONDS)  # a new change waits anew
    assert world.take() == []


async def test_a_flip_of_ready_is_written_at_once_with_its_numbers(world: World) -> None:
    await world.serve(replicas=2)
    world.roll_out(availableReplicas=1, readyReplicas=1)
    assert await world.reconcile() is None
    assert world.take() == [STATUS]
    assert world.status["readyReplicas"] == 1


@pytest.mark.parametrize(
    "change",
    [
        {("spec", "image"): "eco2:scan-2"},
        {("metadata", "annotations"): {"eco2.growbin.app/restart": "now"}},
        {("metadata", "deletionTimestamp"): NOW},
    ],
)
async def test_a_resource_that_changed_during_the_reconcile_is_left_to_its_event(world: World, change: Any) -> None:
    world.put()
    world.api.edit(DOMAIN, change)
    assert await world.reconcile() is None
    assert world.cache.put(world.api.objects[DOMAIN]) is Change.CHANGED  # the event is news, and queues it


@pytest.mark.parametrize(
    "suspension", [{"suspend": True}, {"annotations": {"eco2.growbin.app/suspend": "true"}}], ids=["spec", "annotation"]
)
async def test_a_suspended_resource_is_left_alone_and_says_so(world: World, suspension: Any) -> None:
    await world.serve()
    before = world.inventory()
    world.put(image="eco2:other", **suspension)
    assert await world.reconcile() is None
    assert world.take() == [STATUS]
    assert world.ready() == ("Unknown", "Suspended")
    assert world.inventory() == before
    world.watch()
    assert await world.reconcile() is None
    assert world.take() == []


async def test_an_invalid_spec_leaves_the_children_alone_and_names_every_fault(world: World) -> None:
    await world.serve()
    before = world.inventory()
    world.put(replicas="many", wings=2)
    assert await world.reconcile() is None
    assert world.take() == [STATUS, EVENT]
    assert world.ready() == ("False", "InvalidSpec")
    ready = find(world.status["conditions"], "Ready")
    assert ready is not None
    assert "spec.replicas" in ready["message"]
    assert "spec.wings: unknown field" in ready["message"]
    assert world.inventory() == before
    world.watch()
    await world.reconcile()
    assert world.take() == []


async def test_an_error_of_one_child_does_not_stop_the_others_and_is_retried(world: World) -> None:
    world.put()
    world.api.failures["apply", "Service"] = Forbidden("quota")
    assert await world.reconcile() == Retry()
    assert [kind for _, kind in world.take()] == [*CHILDREN, "EcoDomain", "Event"]
    assert world.ready() == ("False", "Forbidden")
    assert set(world.inventory()) == {"ServiceAccount", "NetworkPolicy", "Deployment"}
    world.api.failures.clear()
    world.watch()
    assert await world.reconcile() is None
    assert set(world.inventory()) == set(CHILDREN)


@pytest.mark.parametrize("guard", ["NetworkPolicy", "ServiceAccount"])
async def test_no_pod_is_started_without_what_guards_it(world: World, guard: str) -> None:
    world.put()
    world.api.failures["apply", guard] = Forbidden("no")
    assert await world.reconcile() == Retry()
    assert ("apply", "Deployment") not in world.take()
    assert world.ready() == ("False", "Forbidden")
    world.api.failures.clear()
    world.watch()
    assert await world.reconcile() is None
    assert set(world.inventory()) == set(CHILDREN)


async def test_pods_that_run_are_still_updated_when_a_guard_cannot_be(world: World) -> None:
    await world.serve()
    world.put(image="eco2:2", access={"inbound": [{"domain": "chat"}]})
    world.api.failures["apply", "NetworkPolicy"] = Forbidden("no")
    assert await world.reconcile() == Retry()
    assert ("apply", "Deployment") in world.take()
    assert world.ready() == ("False", "Forbidden")


async def test_a_wait_the_server_asks_for_is_respected(world: World) -> None:
    world.put()
    for kind, seconds in (("Service", 3.0), ("NetworkPolicy", 8.0), ("ServiceAccount", None)):
        error = Unavailable("busy")
        error.retry_after = seconds
        world.api.failures["apply", kind] = error
    assert await world.reconcile() == Retry(8.0)


async def test_a_failed_child_keeps_its_place_in_the_inventory(world: World) -> None:
    await world.serve()
    before = world.inventory()
    world.api.edit(SCAN_SERVICE, {("spec", "type"): "LoadBalancer"})
    world.watch()
    world.api.failures["apply", "Service"] = Unavailable("down")
    await world.reconcile()
    assert world.inventory() == before


async def test_a_name_conflict_is_told_and_the_foreign_object_never_enters_the_inventory(world: World) -> None:
    foreign = world.api.store(child(SERVICE, spec={"type": "ClusterIP"}, ownerReferences=[]))
    world.put()
    assert await world.reconcile() == Retry()
    assert world.ready() == ("False", "NameConflict")
    assert "Service" not in world.inventory()
    assert world.api.objects[SCAN_SERVICE] == foreign


async def test_what_is_no_longer_wanted_is_deleted_and_leaves_the_inventory(world: World) -> None:
    await world.serve(autoscaling={"maxReplicas": 5})
    assert "HorizontalPodAutoscaler" in world.inventory()
    world.put(replicas=1)
    assert await world.reconcile() is None
    assert HPA not in world.api.objects
    assert "HorizontalPodAutoscaler" not in world.inventory()
    assert ("delete", "HorizontalPodAutoscaler") in world.take()


async def test_nothing_is_deleted_while_a_wanted_child_fails(world: World) -> None:
    await world.serve(autoscaling={"maxReplicas": 5})
    world.put(replicas=3)
    world.api.failures["apply", "Deployment"] = Unavailable("down")
    assert await world.reconcile() == Retry()
    assert HPA in world.api.objects
    assert "HorizontalPodAutoscaler" in world.inventory()
    world.api.failures.clear()
    world.watch()
    await world.reconcile()
    assert HPA not in world.api.objects


async def test_a_deletion_that_fails_is_tried_again(world: World) -> None:
    await world.serve(autoscaling={"maxReplicas": 5})
    world.put(replicas=1)
    world.api.failures["delete", "HorizontalPodAutoscaler"] = Unavailable("down")
    assert await world.reconcile() == Retry()
    assert "HorizontalPodAutoscaler" in world.inventory()
    world.api.failures.clear()
    world.watch()
    await world.reconcile()
    assert HPA not in world.api.objects


async def test_stale_children_are_found_by_their_owner_when_the_inventory_is_lost(world: World) -> None:
    await world.serve(autoscaling={"maxReplicas": 5})
    world.api.remove(DOMAIN)
    world.cache.remove(DOMAIN)
    world.put(replicas=1)
    assert world.status == {}
    assert await world.reconcile() is None
    assert HPA not in world.api.objects
    assert set(world.inventory()) == set(CHILDREN)


async def test_an_object_with_our_owner_that_another_domain_made_is_spared(world: World) -> None:
    await world.serve()
    other = child(NETWORK_POLICY, "other", spec={}, ownerReferences=[owner_reference(KEY, "uid-of-an-earlier-scan")])
    world.api.store(other)
    world.watch()
    assert await world.reconcile() is None
    assert Ref.of(other) in world.api.objects
    assert world.take() == []


async def test_pods_are_never_taken_for_stale_children(world: World) -> None:
    await world.serve()
    labels = {"app.kubernetes.io/name": "scan"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": NAMESPACE, "labels": labels}}
    pod["metadata"] |= {"uid": "p", "resourceVersion": "1", "ownerReferences": [owner_reference(KEY, DOMAIN_UID)]}
    world.cache.put(pod)
    assert await world.reconcile() is None
    assert world.take() == []


async def test_a_re_created_service_gets_its_node_port_back(world: World) -> None:
    await world.serve()
    port = world.api.objects[SCAN_SERVICE]["spec"]["ports"][0]
    ports = [{**port, "nodePort": 31234}]
    world.api.edit(SCAN_SERVICE, {("spec", "ports"): ports}, manager="eco2-operator")
    world.watch()
    await world.reconcile()
    assert world.status["nodePorts"] == {"http": 31234}
    world.api.remove(SCAN_SERVICE)
    world.watch()
    assert await world.reconcile() is None
    assert world.api.objects[SCAN_SERVICE]["spec"]["ports"][0]["nodePort"] == 31234


async def test_an_autoscaled_domain_begins_with_its_minimum(world: World) -> None:
    world.put(autoscaling={"minReplicas": 3, "maxReplicas": 5})
    await world.reconcile()
    counts = [obj["spec"]["replicas"] for obj in world.api.history if obj["kind"] == "Deployment"]
    assert set(counts) == {3}


async def test_the_cause_of_a_stuck_rollout_is_told_as_one_event(world: World) -> None:
    await world.serve()
    world.put(image="eco2:scan-broken")
    await world.reconcile()
    world.roll_out(updatedReplicas=1, replicas=2, availableReplicas=1, readyReplicas=1)
    world.take()
    metadata = {"namespace": NAMESPACE, "resourceVersion": "5"}
    labels = {"app.kubernetes.io/name": "scan", "pod-template-hash": "new"}
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
    pod = {
        "apiVersion": "v1",
        "kind": POD.name,
        "metadata": {**metadata, "name": "scan-new-1", "uid": "p", "labels": labels},
        "status": {"containerStatuses": [{"name": "app", "state": waiting}]},
    }
    replica_set = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {**metadata, "name": "scan-new", "uid": "r", "labels": labels},
    }
    world.cache.put(pod)
    world.cache.put(replica_set)
    assert await world.reconcile() is None
    assert world.ready() == ("False", "ErrImagePull")
    assert world.take() == [STATUS, EVENT]
    world.watch()
    assert await world.reconcile() is None
    assert world.take() == []


async def test_a_status_that_cannot_be_written_is_retried_as_the_server_asks(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.put()
    error = Unavailable("busy")
    error.retry_after = 4.0
    world.api.failures["apply", "EcoDomain"] = error
    assert await world.reconcile() == Retry(4.0)
    assert "reconcile will be retried" in caplog.text
    world.api.failures["apply", "EcoDomain"] = NamespaceGone("deleted meanwhile")
    assert await world.reconcile() == Retry()


async def test_a_fault_in_the_operator_itself_is_not_swallowed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    world.put()
    monkeypatch.setattr("eco2_operator.reconcile.domain.plan_domain", broken)
    with pytest.raises(ZeroDivisionError):
        await world.reconcile()


@pytest.mark.parametrize("end", ["gone", "going", "another"])
async def test_children_of_a_resource_whose_end_was_not_told_yet_are_not_made_again(world: World, end: str) -> None:
    await world.serve()
    match end:
        case "gone":
            world.api.remove(DOMAIN)
        case "going":
            world.api.edit(DOMAIN, {("metadata", "deletionTimestamp"): NOW})
        case "another":
            world.api.remove(DOMAIN)
            world.api.store(eco_domain())
            world.api.objects[DOMAIN]["metadata"]["uid"] = "another"
    world.cache.remove(SCAN_SERVICE)
    world.api.remove(SCAN_SERVICE)
    assert await world.reconcile() == Retry()
    assert not world.api.writes


async def test_children_that_were_set_free_are_not_taken_back_by_a_resource_that_goes(world: World) -> None:
    await world.serve()
    world.api.edit(SCAN_SERVICE, {("metadata", "ownerReferences"): None}, manager="kube-controller-manager")
    world.api.edit(DOMAIN, {("metadata", "deletionTimestamp"): NOW})
    world.cache.put(world.api.objects[SCAN_SERVICE])
    assert await world.reconcile() == Retry()
    assert not world.api.writes


async def test_a_child_that_is_gone_is_made_again_for_a_resource_that_is_there(world: World) -> None:
    await world.serve()
    world.api.remove(SCAN_SERVICE)
    world.watch()
    await world.reconcile()
    assert SCAN_SERVICE in world.api.objects


async def test_of_a_deleted_resource_nothing_is_written_and_nothing_remembered(world: World) -> None:
    await world.serve(replicas=2)
    world.put(replicas=3)
    await world.reconcile()
    world.roll_out(availableReplicas=1)
    await world.reconcile()
    world.take()
    world.api.edit(DOMAIN, {("metadata", "deletionTimestamp"): NOW})
    world.watch()
    assert await world.reconcile() is None
    world.api.remove(DOMAIN)
    world.watch()
    assert await world.reconcile() is None
    assert world.take() == []
    reporter, applier = world.reconciler._reporter, world.reconciler._applier
    assert (reporter._unsettled, reporter._changed, applier._settled) == ({}, {}, {})


async def test_an_unknown_resource_is_nothing_to_do(world: World) -> None:
    assert await world.reconcile(Key("EcoDomain", NAMESPACE, "never was")) is None
    assert world.take() == []


async def test_refused_access_rules_are_told(world: World) -> None:
    world.api.store(eco_domain("store", uid="u2", tier="observability"))
    world.put(access={"outbound": [{"domain": "store"}]})
    await world.reconcile()
    accepted = find(world.status["conditions"], "AccessAccepted")
    assert accepted is not None
    assert accepted["reason"] == "TierRefused"


async def test_durations_of_reconciles_are_counted_by_result(world: World) -> None:
    def counts() -> list[float]:
        samples = next(iter(metrics.RECONCILES.collect())).samples
        return [
            sum(s.value for s in samples if s.name.endswith("_count") and s.labels["result"] == result)
            for result in ("ok", "retry", "error")
        ]

    before = counts()
    world.put()
    await world.reconcile()
    world.api.failures["apply", "Service"] = Unavailable("down")
    world.api.edit(SCAN_SERVICE, {("spec", "type"): "LoadBalancer"})
    world.watch()
    await world.reconcile()
    world.api.failures["apply", "EcoDomain"] = Unavailable("down")
    world.put(image="eco2:other")
    await world.reconcile()
    assert [b - a for a, b in zip(before, counts(), strict=True)] == [1, 1, 1]


async def test_a_stuck_rollout_asks_once_what_the_kubelet_says_of_the_probe(world: World) -> None:
    await world.serve()
    world.put(image="eco2:scan-1.0.7")
    await world.reconcile()
    live = world.api.objects[SCAN_DEPLOYMENT]
    world.cache.put(
        child(
            REPLICA_SET, "scan-1", uid="rs", resourceVersion="900", labels=pod_labels("new"), annotations=revision("2")
        )
    )
    pod = child(POD, "scan-1-a", uid="p", resourceVersion="901", labels=pod_labels("new"))
    unready = [{"type": "Ready", "status": "False"}]
    world.cache.put({**pod, "status": {"phase": "Running", "conditions": unready}})
    stuck = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    status = {"observedGeneration": live["metadata"]["generation"], "conditions": stuck}
    world.api.edit(SCAN_DEPLOYMENT, {("status",): status}, manager="kube-controller-manager", sub="status")
    world.api.told["scan-1-a", "Unhealthy"] = ["Liveness probe failed", "Readiness probe failed: 503"]
    world.watch()
    world.api.reads.clear()
    for _ in range(3):
        await world.reconcile()
        world.watch()
    condition = find(world.status["conditions"], "WorkloadAvailable")
    assert condition is not None
    assert condition["message"].endswith("the kubelet says: pod scan-1-a: Readiness probe failed: 503")
    assert world.api.reads == [Ref("", "Event", NAMESPACE, "scan-1-a")]


def pod_labels(template: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": "scan", "pod-template-hash": template}


def revision(number: str) -> dict[str, str]:
    return {"deployment.kubernetes.io/revision": number}
