"""What nobody completed ends, what nobody needs goes, and two replicas do not disturb each other."""

import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.s3 import S3

from eco2_image import doomed
from eco2_image.errors import StorageUnavailable
from eco2_image.settings import Settings
from eco2_image.storage import Storage
from eco2_image.sweeping import BATCH, Sweeper
from eco2_image.threads import Threads
from eco2_service.database import Database
from eco2_service.metrics import Metrics

Sql = Callable[..., list[tuple[Any, ...]]]


@dataclass
class World:
    sweeper: Sweeper
    storage: Storage
    database: Database
    sql: Sql
    s3: S3

    def upload(self, state: str, **columns: str) -> str:
        """Write an upload down; returns its id. Columns are SQL."""
        chosen = str(uuid.uuid4())
        values = {
            "id": f"'{chosen}'",
            "user_id": "'user-1'",
            "state": f"'{state}'",
            "method": "'put'",
            "content_type": "'image/jpeg'",
            "declared_size": "10",
            "raw_key": f"'raw/{chosen}'",
            "expires_at": "now()",
        } | columns
        self.sql(f"INSERT INTO image.uploads ({', '.join(values)}) VALUES ({', '.join(values.values())})")  # noqa: S608
        return chosen

    def doom(self, key: str, due: str = "now()", until: str = "now()", attempts: int = 0) -> None:
        self.sql(f"INSERT INTO image.doomed_objects VALUES ('{key}', {due}, {until}, {attempts})")  # noqa: S608

    def state(self, upload_id: str) -> Any:
        return self.sql("SELECT state, reason FROM image.uploads WHERE id = $1", uuid.UUID(upload_id))


@pytest.fixture
async def world(settings: Callable[..., Settings], sql: Sql, s3: S3) -> AsyncIterator[World]:
    metrics = Metrics(name="image", version="0")
    database = Database.from_settings(settings(), name="tests", metrics=metrics)
    storage = Storage(settings(), metrics)
    yield World(Sweeper(database, storage, Threads(2)), storage, database, sql, s3)
    storage.close()
    await database.close()


async def test_what_nobody_completed_ends_after_its_time_of_grace(world: World) -> None:
    late = world.upload("pending", expires_at=f"now() - interval '{doomed.GRACE_SECONDS + 1} seconds'")
    recent = world.upload("pending", expires_at=f"now() - interval '{doomed.GRACE_SECONDS - 60} seconds'")
    world.doom(f"raw/{late}", due="now() + interval '1 hour'")
    world.s3.put(f"raw/{late}", b"x")
    assert not await world.sweeper.run_once()
    assert world.state(late) == [("rejected", "expired")]
    assert world.state(recent) == [("pending", None)]
    assert world.s3.keys() == []


async def test_what_has_no_task_any_more_ends(world: World) -> None:
    lost, at_work, over = (world.upload("processing") for _ in range(3))
    for task_id, finished in ((at_work, "NULL"), (over, "now()")):
        world.sql(
            "INSERT INTO image.tasks (id, kind, user_id, payload, finished_at) "  # noqa: S608
            f"VALUES ('{task_id}', 'process', 'user-1', '{{}}', {finished})"
        )
    await world.sweeper.run_once()
    assert world.state(lost) == world.state(over) == [("rejected", "failed")]
    assert world.state(at_work) == [("processing", None)]


@pytest.mark.parametrize("state", ["rejected", "deleted"])
async def test_what_ended_long_ago_is_forgotten(world: World, state: str) -> None:
    old = world.upload(state, finished_at="now() - interval '8 days'")
    recent = world.upload(state, finished_at="now() - interval '6 days'")
    ready = world.upload("ready", finished_at="now() - interval '1000 days'")
    await world.sweeper.run_once()
    assert world.state(old) == []
    assert world.state(recent)
    assert world.state(ready)


async def test_objects_go_when_they_are_due(world: World) -> None:
    for key in ("due", "later", "held", "again"):
        world.s3.put(key, b"x")
    world.doom("due")
    world.doom("later", due="now() + interval '1 minute'")
    world.doom("held", due="NULL", until="now() - interval '1 day'")
    world.doom("again", until="now() + interval '1 hour'")
    world.doom("never written")
    assert not await world.sweeper.run_once()
    assert world.s3.keys() == ["held", "later"]
    left = world.sql("SELECT key, due_at = until FROM image.doomed_objects ORDER BY key")
    assert left == [("again", True), ("held", None), ("later", False)]


async def test_many_objects_go_in_pieces(world: World) -> None:
    world.sql(
        f"INSERT INTO image.doomed_objects SELECT 'key-' || n, now(), now(), 0 FROM generate_series(1, {BATCH + 1}) n"  # noqa: S608
    )
    assert await world.sweeper.run_once()
    assert not await world.sweeper.run_once()
    assert world.sql("SELECT * FROM image.doomed_objects") == []


async def test_what_cannot_be_deleted_is_tried_again_ever_more_rarely(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_keys: object) -> frozenset[str]:
        raise StorageUnavailable("SlowDown")

    monkeypatch.setattr(world.storage, "delete", refuse)
    world.doom("key")
    world.doom("old", attempts=30)
    with pytest.raises(StorageUnavailable):
        await world.sweeper.run_once()
    pauses = "SELECT round(extract(epoch FROM due_at - now())) FROM image.doomed_objects ORDER BY key"
    first, last = (float(row[0]) for row in world.sql(pauses))
    assert 0 < first <= doomed.FIRST_PAUSE
    assert doomed.LONGEST_PAUSE - 60 < last <= doomed.LONGEST_PAUSE
    assert not await world.sweeper.run_once()  # not due: nobody is asked


async def test_one_that_is_refused_does_not_keep_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(**_asked: object) -> dict[str, Any]:
        return {"Errors": [{"Key": "locked", "Code": "AccessDenied", "Message": "Object Lock"}]}

    monkeypatch.setattr(world.storage._client, "delete_objects", answer)
    for key in ("free", "locked"):
        world.doom(key)
    await world.sweeper.run_once()
    assert world.sql("SELECT key, attempts FROM image.doomed_objects") == [("locked", 1)]


async def test_two_replicas_take_each_object_once(world: World) -> None:
    for number in range(6):
        world.doom(f"key-{number}")
    async with world.database.begin() as one, world.database.begin() as other:
        first = await one.run_sync(lambda sync: doomed.take_due(sync, limit=4))
        second = await other.run_sync(lambda sync: doomed.take_due(sync, limit=4))
    assert (len(first), len(second)) == (4, 2)
    assert not set(first) & set(second)


def test_the_storage_says_what_it_was_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_asked: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "secret words"}}, "HeadObject")

    monkeypatch.setattr(world.storage._client, "head_object", refuse)
    with pytest.raises(StorageUnavailable) as caught:
        world.storage.exists("key")
    assert caught.value.code == "AccessDenied"
    assert "secret" not in caught.value.detail
