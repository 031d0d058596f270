"""One EcoSecretBinding on an API server in memory and a parameter store that answers when the test lets it."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import NAMESPACE, NOW, Clock, FakeApi, child, eco_domain

from eco2_operator.cache import Cache
from eco2_operator.errors import ParameterMissing, ParameterStoreUnavailable, SecretError, Unavailable
from eco2_operator.kinds import EXTERNAL_SECRET, SECRET
from eco2_operator.naming import API_VERSION, Key, Manifest, Ref, owner_reference
from eco2_operator.parameters.store import Answers, Parameter
from eco2_operator.reconcile.secret import BACKOFF, Prefixes, SecretReconciler
from eco2_operator.status.conditions import find
from eco2_operator.workqueue import Retry

KEY = Key("EcoSecretBinding", NAMESPACE, "database")
BINDING = Ref("eco2.growbin.app", "EcoSecretBinding", NAMESPACE, "database")
SECRET_REF = Ref("", "Secret", NAMESPACE, "database")
EXTERNAL = Ref("external-secrets.io", "ExternalSecret", NAMESPACE, "database")
UID = "uid-of-database"
HOUR = 3600.0
URL, PASSWORD = f"/eco2/dev/{NAMESPACE}/url", f"/eco2/dev/{NAMESPACE}/password"
KEYS = [{"name": "URL", "parameter": URL}, {"name": "PASSWORD", "parameter": PASSWORD}]
STORE = {"secretStoreRef": {"name": "aws-ssm"}}


class Store:
    """Answers with what the test has put into it; counts how often it is asked."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {URL: "postgres://db", PASSWORD: "hunter2"}
        self.error: SecretError | None = None
        self.versions: dict[str, int] = {}
        self.asked: list[tuple[list[str], str | None]] = []
        self.silent = asyncio.Event()
        self.silent.set()
        self.closed = False

    async def read(self, names: Sequence[str], *, region: str | None = None) -> Answers:
        self.asked.append((list(names), region))
        await self.silent.wait()
        return {name: self._answer(name) for name in names}

    def _answer(self, name: str) -> Parameter | SecretError:
        if self.error is not None:
            return self.error
        if name not in self.values:
            return ParameterMissing(f"no parameter {name}")
        return Parameter(name, self.values[name], self.versions.get(name, 1))

    async def close(self) -> None:
        self.closed = True


def digest(name: str, value: bytes) -> str:
    return f"digest-of-{len(value)}-{value[-1:].hex()}".ljust(16, "0")


class World:
    def __init__(self) -> None:
        self.api, self.cache, self.clock, self.store = FakeApi(), Cache(digest), Clock(), Store()
        self.woken: list[Key] = []
        self.reconciler = SecretReconciler(
            self.api,
            self.cache,
            self.store,
            Prefixes({}, "dev"),
            wake=self.woken.append,
            clock=self.clock,
            now=lambda: NOW,
            instance="test",
        )

    def put(self, *, generation: int = 1, **spec: Any) -> None:
        """A user creates or replaces the binding."""
        metadata = {"name": "database", "namespace": NAMESPACE, "uid": UID}
        wanted = {"keys": KEYS, **spec}
        obj = {"apiVersion": API_VERSION, "kind": "EcoSecretBinding", "metadata": metadata, "spec": wanted}
        self.api.store(obj)
        self.api.objects[BINDING]["metadata"]["generation"] = generation
        self.watch()

    def watch(self) -> None:
        """The watch delivers what carries our label, and the bindings."""
        for obj in self.api.objects.values():
            labels = obj["metadata"].get("labels") or {}
            if obj["kind"] in ("EcoSecretBinding", "EcoDomain") or "app.kubernetes.io/managed-by" in labels:
                self.cache.put(obj)
        for ref in list(self.cache._entries):
            if ref not in self.api.objects:
                self.cache.remove(ref)

    async def reconcile(self) -> Retry | None:
        """Reconcile; when parameters are being read, again as soon as they are."""
        self.woken.clear()
        retry = await self.reconciler(KEY)
        for _ in range(3):
            await asyncio.sleep(0)
        return await self.reconciler(KEY) if KEY in self.woken else retry

    @property
    def data(self) -> dict[str, str]:
        live = self.api.objects[SECRET_REF].get("data") or {}
        return {name: base64.b64decode(value).decode() for name, value in live.items()}

    @property
    def status(self) -> Manifest:
        status: Manifest = self.api.objects[BINDING].get("status", {})
        return status

    def synced(self) -> tuple[str, str]:
        found = find(self.status["conditions"], "Synced")
        assert found is not None
        return found["status"], found["reason"]

    def message(self) -> str:
        return str((find(self.status["conditions"], "Synced") or {})["message"])

    def take(self) -> list[tuple[str, str]]:
        writes, self.api.writes = self.api.writes, []
        return [(write.verb, write.ref.kind) for write in writes if write.ref.kind != "Event"]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.reconciler.close()
    assert made.store.closed


WROTE = [("apply", "Secret"), ("apply", "EcoSecretBinding")]


# -- what is read is written ---------------------------------------------------------------------------------------


async def test_the_parameters_become_a_secret_of_the_same_name(world: World) -> None:
    world.put(region="eu-west-1")
    assert await world.reconcile() == Retry(HOUR)
    assert world.store.asked == [([URL, PASSWORD], "eu-west-1")]
    assert world.data == {"URL": "postgres://db", "PASSWORD": "hunter2"}
    assert world.take() == WROTE
    assert world.synced() == ("True", "Synced")
    keys = world.status["keys"]
    assert [(key["name"], key["version"], key["lastChanged"]) for key in keys] == [
        ("URL", "1", NOW),
        ("PASSWORD", "1", NOW),
    ]
    assert [item["kind"] for item in world.status["inventory"]] == ["Secret"]
    live = world.api.objects[SECRET_REF]
    assert live["metadata"]["ownerReferences"] == [owner_reference(KEY, UID)]


async def test_neither_status_nor_events_hold_a_value(world: World) -> None:
    world.put()
    await world.reconcile()
    told = [write.body for write in world.api.writes if write.ref.kind != "Secret"]
    assert len(told) == 2
    assert not any(value in json.dumps(told) for value in ("hunter2", "postgres://db"))


async def test_before_it_is_time_nothing_is_read_and_nothing_written(world: World) -> None:
    world.put()
    await world.reconcile()
    world.take()
    world.clock.turn(HOUR - 10)
    assert await world.reconcile() == Retry(10)
    assert len(world.store.asked) == 1
    assert world.take() == []


async def test_at_the_interval_parameters_are_read_again_and_only_a_change_is_written(world: World) -> None:
    world.put(refreshInterval="10s")
    assert await world.reconcile() == Retry(10)
    world.take()
    world.clock.turn(10)
    assert await world.reconcile() == Retry(10)
    assert len(world.store.asked) == 2
    assert world.take() == []
    world.store.values[PASSWORD], world.store.versions[PASSWORD] = "hunter3", 2
    world.clock.turn(10)
    await world.reconcile()
    assert world.data["PASSWORD"] == "hunter3"
    assert world.take() == WROTE
    assert [key.get("version") for key in world.status["keys"]] == ["1", "2"]


async def test_a_restart_reads_and_writes_nothing_new(world: World) -> None:
    world.put()
    await world.reconcile()
    world.take()
    again = World()
    again.api, again.store = world.api, world.store
    again.reconciler._client = again.reconciler._applier._client = again.reconciler._reporter._client = world.api
    again.reconciler._store = world.store
    again.watch()
    await again.reconcile()
    assert again.take() == []
    assert len(world.store.asked) == 2


async def test_a_store_that_is_silent_holds_nobody_up(world: World) -> None:
    world.put()
    world.store.silent.clear()
    for _ in range(3):
        assert await world.reconcile() is None
    assert len(world.store.asked) == 1
    assert world.take() == []
    world.store.silent.set()
    for _ in range(3):
        await asyncio.sleep(0)
    assert world.woken == [KEY]
    await world.reconcile()
    assert world.synced() == ("True", "Synced")


async def test_what_was_read_for_an_older_spec_is_not_written(world: World) -> None:
    world.put()
    world.store.silent.clear()
    await world.reconcile()
    world.put(generation=2, keys=KEYS[:1])
    world.store.silent.set()
    await asyncio.sleep(0.001)
    await world.reconcile()
    assert world.store.asked == [([URL, PASSWORD], None), ([URL], None)]
    assert world.data == {"URL": "postgres://db"}


async def test_a_changed_spec_is_read_at_once(world: World) -> None:
    world.put()
    await world.reconcile()
    world.put(generation=2, keys=[{"name": "RENAMED", "parameter": URL}])
    await world.reconcile()
    assert world.data == {"RENAMED": "postgres://db"}
    assert [key["name"] for key in world.status["keys"]] == ["RENAMED"]


async def test_the_domains_that_read_it_are_told_because_the_watch_will_find_nothing_new(world: World) -> None:
    reader = Key("EcoDomain", NAMESPACE, "scan")
    world.api.store(eco_domain(secrets=[{"name": "database"}]))
    world.api.store(eco_domain("chat", uid="c"))
    world.put(refreshInterval="10s")
    await world.reconcile()
    assert set(world.woken) == {KEY, reader}
    world.clock.turn(10)
    await world.reconcile()
    assert set(world.woken) == {KEY}  # nothing has changed
    world.store.values[PASSWORD] = "hunter3"
    world.clock.turn(10)
    await world.reconcile()
    assert reader in world.woken
    del world.store.values[PASSWORD]  # the Secret stays as it is, but its values are the last good ones now
    world.clock.turn(10)
    await world.reconcile()
    assert reader in world.woken


async def test_they_are_told_of_a_change_that_was_read_before_the_watch_told_of_it(world: World) -> None:
    world.api.store(eco_domain(secrets=[{"name": "database"}]))
    world.put()
    await world.reconcile()
    live = world.api.objects[SECRET_REF]
    world.cache.remove(SECRET_REF)
    assert live["metadata"]["uid"]
    await world.reconcile()
    assert Key("EcoDomain", NAMESPACE, "scan") in world.woken


# -- the Secret in other hands -------------------------------------------------------------------------------------


async def test_a_changed_value_is_put_back(world: World) -> None:
    world.put()
    await world.reconcile()
    world.api.edit(SECRET_REF, {("data", "PASSWORD"): "eA=="})
    world.watch()
    await world.reconcile()
    assert world.data["PASSWORD"] == "hunter2"


async def test_a_deleted_secret_is_made_again(world: World) -> None:
    world.put()
    await world.reconcile()
    world.api.remove(SECRET_REF)
    world.watch()
    await world.reconcile()
    assert world.data["PASSWORD"] == "hunter2"


async def test_a_secret_of_somebody_else_is_refused_as_long_as_it_is_there(world: World) -> None:
    foreign = {**child(SECRET, "database", ownerReferences=[], labels={}), "data": {"URL": "eA=="}}
    world.api.store(foreign)
    world.put()
    pauses = []
    for _ in range(4):
        retry = await world.reconcile()
        assert world.synced() == ("False", "NameConflict")
        assert "does not belong to this EcoSecretBinding" in world.message()
        assert retry is not None
        assert retry.after is not None
        pauses.append(retry.after)
        world.clock.turn(retry.after)
    assert pauses == sorted(pauses)
    assert pauses[-1] > 2 * pauses[0]
    assert world.data == {"URL": "x"}
    assert world.status["inventory"] == []
    world.api.remove(SECRET_REF)
    assert await world.reconcile() == Retry(HOUR)
    assert world.synced() == ("True", "Synced")
    assert world.data["PASSWORD"] == "hunter2"


async def test_a_secret_that_cannot_be_written_is_tried_again_with_growing_gaps(world: World) -> None:
    world.put()
    error = Unavailable("down")
    error.retry_after = 7.0
    world.api.failures["apply", "Secret"] = error
    assert await world.reconcile() == Retry(7.0)
    assert world.synced() == ("False", "ApiUnavailable")
    error.retry_after = None
    assert await world.reconcile() == Retry(2 * BACKOFF.base)
    del world.api.failures["apply", "Secret"]
    assert await world.reconcile() == Retry(HOUR)
    assert world.synced() == ("True", "Synced")


# -- what cannot be read -------------------------------------------------------------------------------------------


async def test_a_parameter_that_goes_keeps_its_last_value_and_says_so(world: World) -> None:
    world.put(refreshInterval="10s")
    await world.reconcile()
    del world.store.values[PASSWORD]
    world.clock.turn(10)
    await world.reconcile()
    assert world.data["PASSWORD"] == "hunter2"
    assert world.synced() == ("False", "ParameterMissing")
    assert "the last value stays" in world.message()
    world.store.values[PASSWORD] = "hunter3"
    await world.reconcile()
    assert world.data["PASSWORD"] == "hunter3"
    assert world.synced() == ("True", "Synced")


async def test_the_first_time_there_is_no_secret_at_all(world: World) -> None:
    world.store.values.clear()
    world.put()
    await world.reconcile()
    assert SECRET_REF not in world.api.objects
    assert world.synced() == ("False", "ParameterMissing")
    assert "there is no value yet" in world.message()


async def test_a_store_in_trouble_is_asked_less_and_less_often(world: World) -> None:
    world.put()
    world.store.error = ParameterStoreUnavailable("throttled")
    pauses = []
    for _ in range(10):
        retry = await world.reconcile()
        assert retry is not None
        assert retry.after is not None
        pauses.append(retry.after)
        world.clock.turn(retry.after)
    assert pauses[:3] == [1, 2, 4]
    assert pauses[-1] == BACKOFF.cap
    assert len(world.store.asked) == 10
    world.store.error = None
    assert await world.reconcile() == Retry(HOUR)
    world.store.error = ParameterStoreUnavailable("throttled")
    world.clock.turn(HOUR)
    assert await world.reconcile() == Retry(1)  # it counts anew


async def test_a_short_interval_is_no_longer_than_asked_for(world: World) -> None:
    world.put(refreshInterval="10s")
    world.store.error = ParameterStoreUnavailable("throttled")
    for _ in range(8):
        retry = await world.reconcile()
    assert retry == Retry(10)


async def test_a_parameter_of_another_namespace_is_never_asked_for(world: World) -> None:
    world.put(keys=[KEYS[0], {"name": "STOLEN", "parameter": "/eco2/dev/other/password"}])
    assert await world.reconcile() == Retry(HOUR)
    assert world.store.asked == [([URL], None)]
    assert world.synced() == ("False", "ParameterRefused")
    assert world.data == {"URL": "postgres://db"}


async def test_an_invalid_spec_and_a_suspended_binding_are_left_alone(world: World) -> None:
    world.put()
    await world.reconcile()
    world.put(generation=2, suspend=True)
    assert await world.reconcile() is None
    assert (find(world.status["conditions"], "Ready") or {})["reason"] == "Suspended"
    world.put(generation=3, nonsense=1)
    assert await world.reconcile() is None
    assert (find(world.status["conditions"], "Ready") or {})["reason"] == "InvalidSpec"
    assert len(world.store.asked) == 1
    assert world.data["PASSWORD"] == "hunter2"


async def test_a_deleted_binding_ends_its_reading(world: World) -> None:
    world.put()
    world.store.silent.clear()
    await world.reconcile()
    ((_, task),) = world.reconciler._reading.values()
    world.api.remove(BINDING)
    world.watch()
    assert await world.reconcile() is None
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert world.reconciler._reading == {}


# -- External Secrets ----------------------------------------------------------------------------------------------


def fetched(world: World, *, ready: str = "True", **condition: str) -> None:
    """The controller of External Secrets does its work."""
    status = {"conditions": [{"type": "Ready", "status": ready, **condition}]}
    world.api.edit(EXTERNAL, {("status",): status}, manager="external-secrets", sub="status")
    if ready == "True":
        labels = world.api.objects[EXTERNAL]["spec"]["target"]["template"]["metadata"]["labels"]
        data = {"URL": "eA==", "PASSWORD": "eA=="}
        world.api.store({**child(SECRET, "database", ownerReferences=[], labels=labels), "data": data})
    world.watch()


@pytest.fixture
def served(world: World) -> World:
    world.cache.served = frozenset({"ExternalSecret"})
    return world


async def test_where_external_secrets_is_served_it_fetches_and_ssm_is_never_asked(served: World) -> None:
    served.put(**STORE)
    assert await served.reconcile() is None
    assert served.take() == [("apply", "ExternalSecret"), ("apply", "EcoSecretBinding")]
    assert served.synced() == ("Unknown", "WaitingForExternalSecrets")
    fetched(served)
    await served.reconcile()
    assert served.synced() == ("True", "Synced")
    assert {key["name"] for key in served.status["keys"] if "hashPrefix" in key} == {"URL", "PASSWORD"}
    assert served.store.asked == []


async def test_what_external_secrets_says_is_told(served: World) -> None:
    served.put(**STORE)
    await served.reconcile()
    fetched(served, ready="False", reason="SecretSyncedError", message="could not get secret data from provider")
    await served.reconcile()
    assert served.synced() == ("False", "SecretSyncedError")


async def test_when_external_secrets_appears_a_secret_of_ours_is_let_go_with_its_values(world: World) -> None:
    world.put(**STORE)
    await world.reconcile()
    assert world.data["PASSWORD"] == "hunter2"
    uid = world.api.objects[SECRET_REF]["metadata"]["uid"]
    world.cache.served = frozenset({"ExternalSecret"})
    await world.reconcile()
    live = world.api.objects[SECRET_REF]
    assert live["metadata"]["uid"] == uid
    assert not live["metadata"].get("ownerReferences")
    assert world.data["PASSWORD"] == "hunter2"
    assert [item["kind"] for item in world.status["inventory"]] == ["ExternalSecret"]
    world.take()
    world.watch()
    await world.reconcile()
    assert world.take() == []


async def test_when_external_secrets_is_no_longer_wanted_its_object_goes(served: World) -> None:
    served.put(**STORE)
    await served.reconcile()
    served.put(generation=2, backend="ssm")
    await served.reconcile()
    assert EXTERNAL not in served.api.objects
    assert served.data["PASSWORD"] == "hunter2"
    assert [item["kind"] for item in served.status["inventory"]] == ["Secret"]


def test_the_kinds_are_those_of_the_test() -> None:
    assert (EXTERNAL.group, EXTERNAL.kind) == (EXTERNAL_SECRET.group, EXTERNAL_SECRET.name)
