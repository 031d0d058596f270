"""Children brought to their wanted state, on an API server in memory that knows field owners."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import DOMAIN_UID, KEY, NAMESPACE, Clock, FakeApi, child

from eco2_operator import metrics
from eco2_operator.apply import ABSENT, Applier, Owner
from eco2_operator.cache import Cache
from eco2_operator.errors import Conflict, Forbidden, NodePortTaken, Unavailable
from eco2_operator.kinds import DEPLOYMENT, NETWORK_POLICY, SERVICE
from eco2_operator.naming import FIELD_MANAGER, OWNER_ANNOTATION, REPLICAS_MANAGER, Key, Manifest, Ref, owner_reference
from eco2_operator.outcomes import Outcome
from eco2_operator.ownership import LIMIT, WINDOW

OWNER = Owner(KEY, DOMAIN_UID)
SERVICE_REF = Ref("", "Service", NAMESPACE, "scan")
DEPLOYMENT_REF = Ref("apps", "Deployment", NAMESPACE, "scan")
REPLICAS = ("spec", "replicas")
ANNOTATION = ("metadata", "annotations", "a")


@dataclass
class World:
    """An applier with its cache and API server."""

    api: FakeApi = field(default_factory=FakeApi)
    cache: Cache = field(default_factory=Cache)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.applier = Applier(self.api, self.cache, clock=self.clock)

    async def apply(self, desired: Manifest, *, initial_replicas: int | None = None) -> Outcome:
        return await self.applier.apply(desired, OWNER, initial_replicas=initial_replicas)

    async def prune(self, ref: Ref, uid: str) -> Outcome:
        return await self.applier.prune(ref, OWNER, uid=uid)

    def watch(self) -> None:
        """The watch delivers what is in the cluster."""
        for obj in self.api.objects.values():
            self.cache.put(obj)
        for kind in (SERVICE, DEPLOYMENT):
            for ref in self.cache.refs(kind.group, kind.name):
                if ref not in self.api.objects:
                    self.cache.remove(ref)

    def new_writes(self) -> list[Any]:
        """Writes since the last call."""
        writes, self.api.writes = self.api.writes, []
        return writes

    def live(self, ref: Ref) -> Manifest:
        return self.api.objects[ref]


@pytest.fixture
def world() -> World:
    return World()


def service(**spec: Any) -> Manifest:
    return child(SERVICE, spec={"type": "ClusterIP", **spec})


def deployment(replicas: int | None = 2, **spec: Any) -> Manifest:
    return child(DEPLOYMENT, spec={**spec, **({} if replicas is None else {"replicas": replicas}), "paused": False})


async def test_an_absent_child_is_created_by_one_write_that_could_adopt_nothing_and_without_a_read(
    world: World,
) -> None:
    outcome = await world.apply(service())
    assert (outcome.action, outcome.error, outcome.repaired) == ("created", None, False)
    assert outcome.uid == world.live(SERVICE_REF)["metadata"]["uid"]
    assert world.api.reads == []
    assert world.api.owners(SERVICE_REF, ("spec", "type")) == {FIELD_MANAGER}
    (write,) = world.new_writes()
    assert write.body["metadata"]["resourceVersion"] == ABSENT == "1"
    assert "uid" not in write.body["metadata"]
    assert write.force is False
    assert world.cache.uid(SERVICE_REF) == outcome.uid
    assert (await world.apply(service())).action == "unchanged"
    assert world.new_writes() == []


async def test_a_known_child_is_never_read_and_an_equal_one_is_never_written(world: World) -> None:
    first = await world.apply(service())
    world.new_writes()
    world.api.reads.clear()
    for _ in range(3):
        again = await world.apply(service())
        assert (again.action, again.uid) == ("unchanged", first.uid)
    assert world.new_writes() == []
    assert world.api.reads == []


async def test_after_a_restart_an_equal_child_is_not_written(world: World) -> None:
    await world.apply(service())
    world.new_writes()
    restarted = World(api=world.api)
    restarted.watch()
    assert (await restarted.apply(service())).action == "unchanged"
    assert restarted.new_writes() == []


async def test_a_changed_wish_is_applied_with_the_uid_as_precondition(world: World) -> None:
    created = await world.apply(service())
    outcome = await world.apply(service(type="NodePort"))
    assert (outcome.action, outcome.uid, outcome.repaired) == ("updated", created.uid, False)
    write = world.api.writes[-1]
    assert write.body["metadata"]["uid"] == created.uid
    assert "resourceVersion" not in write.body["metadata"]
    assert write.force is False
    assert world.live(SERVICE_REF)["spec"]["type"] == "NodePort"


async def test_a_field_no_longer_wanted_is_removed(world: World) -> None:
    await world.apply(service(sessionAffinity="ClientIP"))
    outcome = await world.apply(service())
    assert outcome.action == "updated"
    assert "sessionAffinity" not in world.live(SERVICE_REF)["spec"]


async def test_what_others_add_stays_and_causes_no_write(world: World) -> None:
    await world.apply(service())
    world.api.edit(SERVICE_REF, {ANNOTATION: "theirs"})
    world.watch()
    world.new_writes()
    assert (await world.apply(service())).action == "unchanged"
    await world.apply(service(type="NodePort"))
    assert world.live(SERVICE_REF)["metadata"]["annotations"] == {"a": "theirs"}


async def test_a_field_somebody_changed_is_taken_back_by_force_and_counted_as_repaired(world: World) -> None:
    await world.apply(service())
    world.api.edit(SERVICE_REF, {("spec", "type"): "LoadBalancer"})
    world.watch()
    world.new_writes()
    before = metrics.DRIFT_REPAIRS.labels("Service")._value.get()
    outcome = await world.apply(service())
    assert (outcome.action, outcome.error, outcome.repaired) == ("updated", None, True)
    assert world.live(SERVICE_REF)["spec"]["type"] == "ClusterIP"
    assert [write.force for write in world.new_writes()] == [False, True]
    assert metrics.DRIFT_REPAIRS.labels("Service")._value.get() == before + 1


async def test_a_child_somebody_deleted_is_made_again_and_counted_as_repaired(world: World) -> None:
    await world.apply(service())
    world.api.remove(SERVICE_REF)
    world.cache.remove(SERVICE_REF)
    world.new_writes()
    outcome = await world.apply(service())
    assert (outcome.action, outcome.repaired) == ("created", True)
    assert world.api.reads == [SERVICE_REF]
    assert [write.body["metadata"].get("resourceVersion") for write in world.new_writes()] == [ABSENT]


async def test_a_child_we_made_that_lost_our_label_is_read_before_it_is_mended(world: World) -> None:
    created = await world.apply(service())
    world.api.edit(SERVICE_REF, {("metadata", "labels", "app.kubernetes.io/managed-by"): None})
    world.cache.remove(SERVICE_REF)  # to a watch that goes by label it looks deleted
    world.new_writes()
    outcome = await world.apply(service())
    assert (outcome.action, outcome.uid, outcome.repaired) == ("updated", created.uid, True)
    assert world.api.reads == [SERVICE_REF]
    assert [write.body["metadata"].get("uid") for write in world.new_writes()] == [created.uid]
    assert world.live(SERVICE_REF)["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "eco2-operator"


async def test_a_child_of_ours_that_the_cache_does_not_know_is_found_by_the_refusal_and_mended(world: World) -> None:
    created = await world.apply(service(type="NodePort"))
    restarted = World(api=world.api)
    world.new_writes()
    outcome = await restarted.apply(service())
    assert (outcome.action, outcome.uid, outcome.repaired) == ("updated", created.uid, False)
    assert restarted.api.reads == [SERVICE_REF]
    first, second = restarted.new_writes()
    assert first.body["metadata"]["resourceVersion"] == ABSENT
    assert second.body["metadata"]["uid"] == created.uid
    assert world.live(SERVICE_REF)["spec"]["type"] == "ClusterIP"


async def test_a_child_of_ours_that_the_cache_does_not_know_and_that_is_as_wanted_is_not_changed(world: World) -> None:
    created = await world.apply(service())
    before = world.live(SERVICE_REF)
    restarted = World(api=world.api)
    outcome = await restarted.apply(service())
    assert (outcome.action, outcome.uid) == ("unchanged", created.uid)
    assert world.live(SERVICE_REF) == before
    assert restarted.cache.uid(SERVICE_REF) == created.uid  # from now on it is known
    restarted.new_writes()
    assert (await restarted.apply(service())).action == "unchanged"
    assert restarted.new_writes() == []


class VanishingApi(FakeApi):
    """What refuses to be created is gone when it is looked at."""

    async def get(self, kind: Any, namespace: str, name: str) -> Manifest | None:
        self.remove(Ref(kind.group, kind.name, namespace, name))
        return await super().get(kind, namespace, name)


async def test_what_goes_between_the_refusal_and_the_look_at_it_is_made_at_the_next_attempt() -> None:
    world = World(api=VanishingApi())
    world.api.store(foreign())
    outcome = await world.apply(service())
    assert isinstance(outcome.error, Conflict)
    assert outcome.error.retryable
    assert "made at the next attempt" in str(outcome.error)
    assert (await world.apply(service())).action == "created"


def foreign(**metadata: Any) -> Manifest:
    return child(SERVICE, spec={"type": "NodePort"}, **{"ownerReferences": [], **metadata})


@pytest.mark.parametrize("type_", ["NodePort", "ClusterIP"])  # another value than ours, and the same
@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize(
    ("references", "whose"),
    [
        ([], "was not made by this operator"),
        ([{**owner_reference(KEY, DOMAIN_UID), "controller": False}], "was not made by this operator"),
        ([owner_reference(KEY, "uid-of-an-earlier-scan")], "belongs to EcoDomain scan"),
        ([{"kind": "Helm", "name": "chart", "uid": "x", "controller": True}], "belongs to Helm chart"),
    ],
)
async def test_a_foreign_object_is_never_adopted(
    world: World, references: Any, whose: str, type_: str, *, watched: bool
) -> None:
    before = world.api.store({**foreign(ownerReferences=references), "spec": {"type": type_}})
    if watched:
        world.watch()
    for _ in range(2):
        outcome = await world.apply(service())
        assert outcome.action == "failed"
        assert outcome.error is not None
        assert outcome.error.reason == "NameConflict"
        assert str(outcome.error).startswith(f"Service shop/scan exists and {whose}")
        assert outcome.uid == ""  # the inventory lists our own objects only
        assert world.live(SERVICE_REF) == before
    assert world.api.owners(SERVICE_REF, ("spec", "type")) == {"kubectl-create"}
    attempts = world.new_writes()
    assert len(attempts) == (0 if watched else 2)  # what the cache knows is not even tried
    for attempt in attempts:
        assert (attempt.verb, attempt.body["metadata"]["resourceVersion"], attempt.force) == ("apply", ABSENT, False)


async def test_once_the_foreign_object_is_gone_the_child_is_made(world: World) -> None:
    world.api.store(foreign())
    await world.apply(service())
    world.api.remove(SERVICE_REF)
    assert (await world.apply(service())).action == "created"


async def test_an_object_replaced_behind_our_back_is_not_written_to(world: World) -> None:
    await world.apply(service())
    world.api.remove(SERVICE_REF)
    replaced = world.api.store(foreign())
    outcome = await world.apply(service(type="LoadBalancer"))  # the watch has not told yet
    assert isinstance(outcome.error, Conflict)
    assert world.live(SERVICE_REF) == replaced


async def test_a_child_that_is_being_deleted_is_left_alone_until_it_is_gone(world: World) -> None:
    await world.apply(service())
    world.api.edit(SERVICE_REF, {("metadata", "deletionTimestamp"): "2026-11-22T10:00:00Z"})
    world.watch()
    world.new_writes()
    outcome = await world.apply(service())
    assert isinstance(outcome.error, Conflict)
    assert "made again once it is gone" in str(outcome.error)
    assert outcome.uid == world.live(SERVICE_REF)["metadata"]["uid"]
    assert world.new_writes() == []


async def test_an_error_of_the_server_is_an_outcome_with_the_uid_of_what_is_there(world: World) -> None:
    created = await world.apply(service())
    world.api.failures["apply", "Service"] = Forbidden("no")
    outcome = await world.apply(service(type="NodePort"))
    assert (outcome.action, outcome.uid) == ("failed", created.uid)
    assert isinstance(outcome.error, Forbidden)


async def test_a_failed_write_is_tried_again_next_time(world: World) -> None:
    await world.apply(service())
    world.api.failures["apply", "Service"] = Unavailable("down")
    await world.apply(service(type="NodePort"))
    world.api.failures.clear()
    assert (await world.apply(service(type="NodePort"))).action == "updated"


async def test_a_failed_read_is_no_reason_to_write(world: World) -> None:
    before = world.api.store(foreign())
    world.api.failures["get", "Service"] = Unavailable("down")
    for _ in range(2):
        assert isinstance((await world.apply(service())).error, Unavailable)
    assert world.live(SERVICE_REF) == before
    assert {write.body["metadata"].get("resourceVersion") for write in world.new_writes()} == {ABSENT}


async def test_a_failed_read_of_what_we_made_is_no_reason_to_make_it_again(world: World) -> None:
    await world.apply(service())
    world.cache.remove(SERVICE_REF)
    world.api.failures["get", "Service"] = Unavailable("down")
    world.new_writes()
    assert isinstance((await world.apply(service())).error, Unavailable)
    assert world.new_writes() == []


async def test_a_creation_that_fails_otherwise_is_not_looked_into(world: World) -> None:
    world.api.failures["apply", "Service"] = Forbidden("exceeded quota")
    outcome = await world.apply(service())
    assert (outcome.action, outcome.uid) == ("failed", "")
    assert isinstance(outcome.error, Forbidden)
    assert world.api.reads == []


async def test_a_kind_this_version_does_not_know_is_an_outcome(world: World) -> None:
    unknown = {**service(), "apiVersion": "space/v9", "kind": "Wormhole"}
    outcome = await world.apply(unknown)
    assert outcome.error is not None
    assert outcome.error.reason == "KindMissing"
    pruned = await world.prune(Ref("space", "Wormhole", NAMESPACE, "scan"), "u")
    assert (pruned.action, pruned.uid) == ("failed", "u")


class RewritingApi(FakeApi):
    """A mutating webhook sets another type than the one asked for."""

    def _save(self, ref: Ref, obj: Manifest) -> Manifest:
        obj["spec"]["type"] = "Rewritten"
        return super()._save(ref, obj)


async def test_what_a_webhook_rewrites_is_applied_once_and_not_at_every_reconcile() -> None:
    world = World(api=RewritingApi())
    assert (await world.apply(service())).action == "created"
    world.new_writes()
    for _ in range(3):
        assert (await world.apply(service())).action == "unchanged"
    assert world.new_writes() == []


async def fight(world: World, value: str = "LoadBalancer", manager: str = "other-controller") -> Outcome:
    world.api.edit(SERVICE_REF, {("spec", "type"): value}, manager=manager)
    world.watch()
    return await world.apply(service())


async def test_a_field_taken_three_times_is_conceded_and_both_managers_are_named_at_once(world: World) -> None:
    await world.apply(service())
    for _ in range(LIMIT - 1):
        assert (await fight(world)).error is None
    lost = await fight(world)
    assert lost.action == "failed"
    assert lost.error is not None
    assert lost.error.reason == "FieldConflict"
    assert ".spec.type (held by other-controller)" in str(lost.error)
    assert "eco2-operator" in str(lost.error)
    assert world.live(SERVICE_REF)["spec"]["type"] == "LoadBalancer"


async def conceded(world: World) -> None:
    await world.apply(service())
    for _ in range(LIMIT):
        await fight(world)
    world.watch()
    world.new_writes()


async def test_a_conceded_field_is_left_alone_but_the_others_are_still_ours(world: World) -> None:
    await conceded(world)
    outcome = await world.apply(service())
    assert outcome.error is not None
    assert world.new_writes() == []
    outcome = await world.apply(service(sessionAffinity="ClientIP"))
    assert outcome.error is not None
    assert world.live(SERVICE_REF)["spec"] == {"type": "LoadBalancer", "sessionAffinity": "ClientIP"}


async def test_a_conceded_field_that_has_the_wanted_value_is_no_error(world: World) -> None:
    await conceded(world)
    world.api.edit(SERVICE_REF, {("spec", "type"): "ClusterIP"}, manager="other-controller")
    world.watch()
    outcome = await world.apply(service())
    assert (outcome.action, outcome.error) == ("unchanged", None)


async def test_when_the_concession_ends_the_field_is_taken_back(world: World) -> None:
    await conceded(world)
    world.clock.turn(WINDOW + 1)
    outcome = await world.apply(service())
    assert (outcome.action, outcome.error) == ("updated", None)
    assert world.live(SERVICE_REF)["spec"]["type"] == "ClusterIP"


async def test_a_taken_node_port_names_the_service_that_has_it(world: World) -> None:
    other = child(SERVICE, "chat", spec={"ports": [{"port": 80, "nodePort": 30080}]}, uid="u", resourceVersion="1")
    world.cache.put(other)
    world.api.failures["apply", "Service"] = NodePortTaken("provided port is already allocated")
    outcome = await world.apply(service(ports=[{"port": 80, "nodePort": 30080}]))
    assert isinstance(outcome.error, NodePortTaken)
    assert "already allocated; Service shop/chat has 30080" in str(outcome.error)


async def test_a_node_port_taken_outside_the_operator_is_said_to_be_so(world: World) -> None:
    error = NodePortTaken("provided port is already allocated")
    error.retry_after = 4.0
    world.cache.put(child(SERVICE, "chat", spec={"ports": [{"port": 80}]}, uid="u", resourceVersion="1"))
    world.api.failures["apply", "Service"] = error
    outcome = await world.apply(service(ports=[{"port": 80, "nodePort": 30080}, {"port": 81}]))
    assert "a Service outside this operator has it" in str(outcome.error)
    assert outcome.error is not None
    assert outcome.error.retry_after == 4.0


def replica_counts(world: World) -> list[int]:
    return [obj["spec"]["replicas"] for obj in world.api.history if obj["kind"] == "Deployment"]


def scale(world: World, replicas: int) -> None:
    """The autoscaler decides."""
    world.api.edit(DEPLOYMENT_REF, {REPLICAS: replicas}, manager="kube-controller-manager", sub="scale")
    world.watch()


@pytest.mark.parametrize(("initial", "created_with"), [(3, 3), (None, 1)])
async def test_an_autoscaled_deployment_begins_with_the_minimum(
    world: World, initial: int | None, created_with: int
) -> None:
    outcome = await world.apply(deployment(None), initial_replicas=initial)
    assert outcome.action == "created"
    assert world.api.writes[0].body["metadata"]["resourceVersion"] == ABSENT
    assert set(replica_counts(world)) == {created_with}
    assert world.api.owners(DEPLOYMENT_REF, REPLICAS) == {REPLICAS_MANAGER}
    world.new_writes()
    world.watch()
    assert (await world.apply(deployment(None), initial_replicas=initial)).action == "unchanged"
    assert world.new_writes() == []


async def test_handing_replicas_to_an_autoscaler_keeps_the_live_number(world: World) -> None:
    await world.apply(deployment(4))
    assert (await world.apply(deployment(None), initial_replicas=2)).action == "updated"
    assert set(replica_counts(world)) == {4}
    assert world.api.owners(DEPLOYMENT_REF, REPLICAS) == {REPLICAS_MANAGER}


async def test_a_handover_that_was_interrupted_is_finished(world: World) -> None:
    await world.apply(deployment(4))
    await world.api.apply(
        DEPLOYMENT,
        {**deployment(None), "spec": {"replicas": 4}},
        manager=REPLICAS_MANAGER,
        force=True,
    )
    world.watch()
    await world.apply(deployment(None))
    assert set(replica_counts(world)) == {4}
    assert world.api.owners(DEPLOYMENT_REF, REPLICAS) == {REPLICAS_MANAGER}


class InterruptedApi(FakeApi):
    """The second apply does not get through."""

    async def apply(self, *args: Any, **kwargs: Any) -> Manifest:
        if len(self.writes) == 1:
            self.writes.append(self.writes[0])
            raise Unavailable("down")
        return await super().apply(*args, **kwargs)


@pytest.mark.parametrize("watched", [False, True])
async def test_a_handover_that_was_interrupted_right_after_the_creation_is_finished(*, watched: bool) -> None:
    world = World(api=InterruptedApi())
    assert isinstance((await world.apply(deployment(None), initial_replicas=3)).error, Unavailable)
    if watched:
        world.watch()
    assert (await world.apply(deployment(None), initial_replicas=3)).action == "updated"
    assert set(replica_counts(world)) == {3}
    assert world.api.owners(DEPLOYMENT_REF, REPLICAS) == {REPLICAS_MANAGER}


async def test_an_autoscalers_decision_is_not_undone(world: World) -> None:
    await world.apply(deployment(None), initial_replicas=2)
    scale(world, 7)
    world.new_writes()
    assert (await world.apply(deployment(None), initial_replicas=2)).action == "unchanged"
    await world.apply(deployment(None, minReadySeconds=5), initial_replicas=2)
    assert world.live(DEPLOYMENT_REF)["spec"]["replicas"] == 7


async def test_an_autoscaler_that_was_quicker_than_the_handover_keeps_its_number(world: World) -> None:
    await world.apply(deployment(4))
    scale(world, 7)
    await world.apply(deployment(None), initial_replicas=2)
    assert min(replica_counts(world)) == 4
    assert world.live(DEPLOYMENT_REF)["spec"]["replicas"] == 7


@pytest.mark.parametrize("wanted", [2, 7])
async def test_taking_replicas_back_from_an_autoscaler_never_falls_below(world: World, wanted: int) -> None:
    await world.apply(deployment(None), initial_replicas=2)
    scale(world, 7)
    await world.apply(deployment(wanted))
    assert world.live(DEPLOYMENT_REF)["spec"]["replicas"] == wanted
    assert set(replica_counts(world)) <= {2, 7}


async def test_replicas_are_taken_back_even_when_the_number_is_the_same(world: World) -> None:
    await world.apply(deployment(None), initial_replicas=2)
    assert (await world.apply(deployment(2))).action == "updated"
    assert world.api.owners(DEPLOYMENT_REF, REPLICAS) == {FIELD_MANAGER}
    world.new_writes()
    assert (await world.apply(deployment(2))).action == "unchanged"
    assert world.new_writes() == []


async def test_replicas_taken_back_have_one_owner_and_can_be_changed_without_a_fight(world: World) -> None:
    await world.apply(deployment(None), initial_replicas=2)
    await world.apply(deployment(3))
    assert world.api.owners(DEPLOYMENT_REF, REPLICAS) == {FIELD_MANAGER}
    world.new_writes()
    for replicas in (4, 5, 6, 7):
        assert (await world.apply(deployment(replicas))).error is None
    assert [write.force for write in world.new_writes()] == [False] * 4
    assert set(replica_counts(world)) == {2, 3, 4, 5, 6, 7}


async def test_a_child_no_longer_wanted_is_deleted_by_its_uid(world: World) -> None:
    created = await world.apply(service())
    before = metrics.PRUNES.labels("Service")._value.get()
    outcome = await world.prune(SERVICE_REF, created.uid)
    assert (outcome.action, outcome.uid) == ("deleted", created.uid)
    assert world.api.objects == {}
    assert world.api.writes[-1].body == {"uid": created.uid}
    assert world.cache.get(SERVICE_REF) is None
    assert metrics.PRUNES.labels("Service")._value.get() == before + 1


async def test_a_pruned_child_wanted_again_is_made_again(world: World) -> None:
    created = await world.apply(service())
    await world.prune(SERVICE_REF, created.uid)
    outcome = await world.apply(service())
    assert (outcome.action, outcome.repaired) == ("created", False)


async def test_pruning_what_the_cache_does_not_know_reads_it_first(world: World) -> None:
    created = await world.apply(service())
    world.cache.remove(SERVICE_REF)
    world.api.reads.clear()
    assert (await world.prune(SERVICE_REF, created.uid)).action == "deleted"
    assert world.api.reads == [SERVICE_REF]


@pytest.mark.parametrize("references", [[], [owner_reference(KEY, "another")]])
async def test_pruning_spares_what_is_not_ours_and_keeps_watching_it(world: World, references: Any) -> None:
    before = world.api.store(foreign(ownerReferences=references))
    world.watch()
    outcome = await world.prune(SERVICE_REF, before["metadata"]["uid"])
    assert (outcome.action, outcome.uid, outcome.error) == ("unchanged", "", None)
    assert world.live(SERVICE_REF) == before
    assert world.api.writes == []
    assert world.cache.get(SERVICE_REF) is not None  # a sweep would find it missing, time and again


async def test_pruning_spares_an_object_of_another_uid(world: World) -> None:
    await world.apply(service())
    outcome = await world.prune(SERVICE_REF, "uid-of-its-predecessor")
    assert (outcome.action, outcome.uid) == ("unchanged", "")
    assert SERVICE_REF in world.api.objects
    assert world.cache.get(SERVICE_REF) is not None


async def test_pruning_what_is_gone_already_is_done(world: World) -> None:
    outcome = await world.prune(SERVICE_REF, "u")
    assert (outcome.action, outcome.uid, outcome.error) == ("unchanged", "", None)
    assert world.api.writes == []


async def test_a_deletion_that_fails_is_an_outcome_and_the_child_stays_known(world: World) -> None:
    created = await world.apply(service())
    world.api.failures["delete", "Service"] = Unavailable("down")
    outcome = await world.prune(SERVICE_REF, created.uid)
    assert (outcome.action, outcome.uid) == ("failed", created.uid)
    assert isinstance(outcome.error, Unavailable)
    assert world.cache.get(SERVICE_REF) is not None


async def test_what_is_remembered_of_children_that_are_gone_is_forgotten(world: World) -> None:
    await world.apply(service())
    await world.apply(child(NETWORK_POLICY, spec={}))
    world.applier.forget([SERVICE_REF, Ref("", "Service", NAMESPACE, "never seen")])
    assert list(world.applier._settled) == [Ref("networking.k8s.io", "NetworkPolicy", NAMESPACE, "scan")]


# -- children in other namespaces than their resource's -----------------------------------------------------------


def elsewhere(owner: str = str(KEY), **spec: Any) -> Manifest:
    made = {**service(**spec)}
    metadata = {k: v for k, v in made["metadata"].items() if k != "ownerReferences"}
    made["metadata"] = {**metadata, "namespace": "gate", "annotations": {OWNER_ANNOTATION: owner}}
    return made


ELSEWHERE = Ref("", "Service", "gate", "scan")


async def test_a_child_elsewhere_is_known_by_its_annotation_and_our_fields(world: World) -> None:
    await world.apply(elsewhere())
    world.watch()
    world.api.edit(ELSEWHERE, {("spec", "type"): "NodePort"})
    world.watch()
    fresh = Applier(world.api, world.cache, clock=world.clock)
    outcome = await fresh.apply(elsewhere(), OWNER)
    assert (outcome.action, outcome.error) == ("updated", None)
    assert world.live(ELSEWHERE)["spec"]["type"] == "ClusterIP"
    assert (await fresh.prune(ELSEWHERE, OWNER, uid=outcome.uid)).action == "deleted"


@pytest.mark.parametrize("watched", [True, False])
async def test_an_annotation_that_somebody_else_wrote_makes_nothing_ours(world: World, *, watched: bool) -> None:
    before = world.api.store(elsewhere(type="NodePort"))
    if watched:
        world.watch()
    outcome = await world.apply(elsewhere())
    assert outcome.error is not None
    assert str(outcome.error).startswith("Service gate/scan exists and was not made by this operator")
    assert (await world.prune(ELSEWHERE, before["metadata"]["uid"])).action == "unchanged"
    assert world.live(ELSEWHERE) == before


async def test_a_child_elsewhere_of_another_resource_is_left_to_it_and_its_owner_is_named(world: World) -> None:
    other = elsewhere("EcoIngress/web/api")
    await Applier(world.api, world.cache, clock=world.clock).apply(other, Owner(Key("EcoIngress", "web", "api"), "x"))
    outcome = await world.apply(elsewhere(type="NodePort"))
    assert outcome.error is not None
    assert str(outcome.error).startswith("Service gate/scan exists and belongs to EcoIngress web/api; it is left alone")
    assert (await world.prune(ELSEWHERE, world.live(ELSEWHERE)["metadata"]["uid"])).action == "unchanged"


async def test_a_child_elsewhere_that_was_stripped_of_its_annotation_is_known_by_its_uid(world: World) -> None:
    made = await world.apply(elsewhere())
    world.api.edit(ELSEWHERE, {("metadata", "annotations", OWNER_ANNOTATION): None})
    world.watch()
    outcome = await world.applier.apply(elsewhere(), Owner(KEY, DOMAIN_UID, frozenset({made.uid})))
    assert (outcome.action, outcome.error) == ("updated", None)
    assert world.live(ELSEWHERE)["metadata"]["annotations"] == {OWNER_ANNOTATION: str(KEY)}
