"""The task, killed wherever it can be: nothing is lost, nothing is left behind, nothing happens twice."""

import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs
from support.s3 import S3

from eco2_image import doomed, processing, store
from eco2_image.errors import StorageUnavailable
from eco2_image.media import MAX_BYTES
from eco2_image.processing import KIND, Job, Processing
from eco2_image.settings import Settings
from eco2_image.states import Method
from eco2_image.storage import Storage
from eco2_image.sweeping import Sweeper
from eco2_image.tables import tasks
from eco2_image.threads import Threads
from eco2_service.database import Database
from eco2_service.metrics import Metrics
from eco2_tasks.engine import create_engine
from eco2_tasks.runner import TaskRunner
from eco2_tasks.service import task_log
from eco2_tasks.tasks import RunResult

Sql = Callable[..., list[tuple[Any, ...]]]


class Killed(BaseException):
    """The process ends here: no handler of an ordinary error runs."""


@dataclass
class World:
    runner: TaskRunner
    storage: Storage
    sweeper: Sweeper
    metrics: Metrics
    engine: Engine
    log: Any
    sql: Sql
    s3: S3

    def accept(
        self, data: bytes | None, *, size: int | None = None, method: str = "put", stored_type: str = "image/jpeg"
    ) -> uuid.UUID:
        """An upload of which its user has just said that it is complete."""
        chosen = uuid.uuid4()
        raw_key = f"raw/{chosen.hex}"
        declared = len(data or b"") if size is None else size
        self.sql(
            "INSERT INTO image.uploads (id, user_id, state, method, content_type, declared_size, raw_key, expires_at) "
            "VALUES ($1, 'user-1', 'processing', $2, 'image/jpeg', $3, $4, now())",
            chosen,
            method,
            declared,
            raw_key,
        )
        self.sql("INSERT INTO image.doomed_objects VALUES ($1, NULL, now(), 0)", raw_key)
        if data is not None:
            self.s3.put(raw_key, data, stored_type)
        job = Job.model_validate(
            {"raw_key": raw_key, "media": "image/jpeg", "method": Method(method), "size": declared}
        )
        with self.engine.begin() as connection:
            payload = job.model_dump(mode="json")
            self.log.accept(connection, kind=KIND, user_id="user-1", payload=payload, task_id=chosen)
        return chosen

    def again(self, task_id: uuid.UUID) -> RunResult:
        """What the reaper does about a task whose worker is gone, or that rests."""
        self.sql("UPDATE image.tasks SET lease_until = NULL WHERE id = $1", task_id)
        return self.runner.run(task_id)

    def upload(self, task_id: uuid.UUID) -> tuple[Any, ...]:
        found = self.sql("SELECT state, reason, key FROM image.uploads WHERE id = $1", task_id)
        return found[0] if found else ()

    async def sweep_all(self) -> None:
        """Time passes."""
        self.sql("UPDATE image.doomed_objects SET due_at = now(), until = now() WHERE due_at IS NOT NULL")
        await self.sweeper.run_once()

    async def assert_clean(self) -> None:
        """Exactly what is ready is in the bucket, and nothing is left to do."""
        await self.sweep_all()
        keys = self.sql("SELECT key FROM image.uploads WHERE state = 'ready' ORDER BY key")
        assert self.s3.keys() == [row[0] for row in keys]
        assert self.sql("SELECT * FROM image.doomed_objects") == []


@pytest.fixture
async def world(settings: Callable[..., Settings], sql: Sql, s3: S3) -> AsyncIterator[World]:
    chosen = settings(task_attempts=3, task_pause_seconds=1)
    metrics = Metrics(name="image", version="0")
    database = Database.from_settings(chosen, name="tests")
    engine = create_engine(chosen, name="tests", pool_size=4)
    storage = Storage(chosen, metrics)
    log = task_log(chosen, tasks)
    handlers = Processing(storage, engine, metrics).handlers
    runner = TaskRunner(engine, log, handlers, metrics.registry, pause=chosen.task_pause_seconds)
    yield World(runner, storage, Sweeper(database, storage, Threads(2)), metrics, engine, log, sql, s3)
    engine.dispose()
    storage.close()
    await database.close()


def kill(*_arguments: object, **_options: object) -> None:
    raise Killed


async def test_a_task_makes_an_image(world: World, picture: Any) -> None:
    task_id = world.accept(picture())
    assert world.runner.run(task_id) is RunResult.DONE
    assert world.upload(task_id)[:2] == ("ready", None)
    assert world.runner.run(task_id) is RunResult.NOT_TAKEN
    await world.assert_clean()
    assert b'eco2_image_uploads_total{result="ready"} 1.0' in world.metrics.render()


@pytest.mark.parametrize("moment", ["read", "clean", "intent", "before write", "after write", "commit", "end"])
async def test_a_task_that_is_killed_is_done_once_and_leaves_nothing(
    world: World, picture: Any, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    task_id = world.accept(picture())

    def write_and_die(*arguments: Any) -> None:
        Storage.write(world.storage, *arguments)
        raise Killed

    broken: dict[str, tuple[object, str, Callable[..., None]]] = {
        "read": (world.storage, "read", kill),
        "clean": (processing, "clean", kill),
        "intent": (doomed, "add_attempt", kill),
        "before write": (world.storage, "write", kill),
        "after write": (world.storage, "write", write_and_die),
        "commit": (doomed, "keep", kill),
        "end": (doomed, "release_raw", kill),
    }
    with monkeypatch.context() as context:
        context.setattr(*broken[moment])
        with pytest.raises(Killed):
            world.runner.run(task_id)
    assert world.upload(task_id) == ("processing", None, None)
    await world.sweep_all()  # what the task still needs is not swept
    assert len(world.s3.keys("raw/")) == 1
    assert world.again(task_id) is RunResult.DONE
    assert world.upload(task_id)[0] == "ready"
    await world.assert_clean()
    assert len(world.s3.keys("images/")) == 1


async def test_an_image_that_comes_too_late_is_made_again(
    world: World, picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker stood still between writing and saying so, and the sweeper was there meanwhile."""
    task_id = world.accept(picture())

    def write_and_sleep(*arguments: Any) -> None:
        Storage.write(world.storage, *arguments)
        world.sql("UPDATE image.doomed_objects SET attempts = 1 WHERE key LIKE 'images/%'")

    with monkeypatch.context() as slow:
        slow.setattr(world.storage, "write", write_and_sleep)
        assert world.runner.run(task_id) is RunResult.GIVEN_BACK
    assert world.upload(task_id) == ("processing", None, None)
    assert world.again(task_id) is RunResult.DONE
    await world.assert_clean()


async def test_two_workers_at_once_make_one_image(world: World, picture: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one's lease has ended, and it does not know."""
    task_id = world.accept(picture())
    results = []

    def write_while_another_does_it_all(*arguments: Any) -> None:
        monkeypatch.undo()
        results.append(world.again(task_id))
        Storage.write(world.storage, *arguments)

    monkeypatch.setattr(world.storage, "write", write_while_another_does_it_all)
    assert world.runner.run(task_id) is RunResult.LOST
    assert results == [RunResult.DONE]
    await world.assert_clean()


@pytest.mark.parametrize("how", ["upload", "user"])
async def test_what_is_deleted_meanwhile_stays_deleted(
    world: World, picture: Any, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    task_id = world.accept(picture())

    def write_while_it_is_deleted(*arguments: Any) -> None:
        Storage.write(world.storage, *arguments)
        with world.engine.begin() as connection:
            store.lock_user(connection, "user-1")
            if how == "upload":
                assert store.delete_upload(connection, "user-1", task_id)
            else:
                world.log.delete_user(connection, "user-1")
                store.delete_user(connection, "user-1")

    monkeypatch.setattr(world.storage, "write", write_while_it_is_deleted)
    expected = RunResult.DONE if how == "upload" else RunResult.LOST
    assert world.runner.run(task_id) is expected
    assert world.upload(task_id) in [("deleted", None, None), ()]
    await world.assert_clean()
    assert world.s3.keys() == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"size": 5}, "size_differs"),
        ({"size": 5000}, "size_differs"),
        ({"size": 5, "method": "post"}, "size_differs"),
        ({"stored_type": "image/png"}, "type_differs"),
    ],
    ids=["more", "less", "more than the form says", "another type"],
)
async def test_what_is_not_what_was_signed_is_rejected(
    world: World, picture: Any, changes: dict[str, Any], reason: str
) -> None:
    """S3 lets nothing of it pass; that is not all there is between us."""
    task_id = world.accept(picture(), **changes)
    with capture_logs() as lines:
        assert world.runner.run(task_id) is RunResult.DONE
    assert world.upload(task_id) == ("rejected", reason, None)
    await world.assert_clean()
    [line] = [line for line in lines if "declared_type" in line]
    assert line["log_level"] == ("warning" if reason == "type_differs" else "info")
    assert (line["declared_type"], line["found_type"]) == ("image/jpeg", "image/jpeg")
    assert line["stored_type"] == changes.get("stored_type", "image/jpeg")


async def test_too_much_is_not_even_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    task_id = world.accept(bytes(MAX_BYTES + 1), size=MAX_BYTES)
    assert world.runner.run(task_id) is RunResult.DONE
    assert world.upload(task_id) == ("rejected", "too_large", None)
    stored = world.storage.read(f"raw/{task_id.hex}", limit=MAX_BYTES)
    assert stored is not None
    assert (stored.size, stored.data) == (MAX_BYTES + 1, None)


async def test_what_is_not_there_any_more_is_rejected(world: World) -> None:
    task_id = world.accept(None)
    assert world.runner.run(task_id) is RunResult.DONE
    assert world.upload(task_id) == ("rejected", "missing", None)
    await world.assert_clean()


async def test_without_storage_it_waits_and_in_the_end_gives_up(
    world: World, picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = world.accept(picture())

    def refuse(*_arguments: object, **_options: object) -> None:
        raise StorageUnavailable("SlowDown")

    with monkeypatch.context() as down:
        down.setattr(world.storage, "read", refuse)
        assert world.runner.run(task_id) is RunResult.GIVEN_BACK
        assert world.again(task_id) is RunResult.GIVEN_BACK
        assert world.upload(task_id) == ("processing", None, None)
        assert world.again(task_id) is RunResult.DEAD
    assert world.upload(task_id) == ("rejected", "failed", None)
    await world.assert_clean()
    assert b'eco2_image_uploads_total{result="failed"} 1.0' in world.metrics.render()


async def test_calls_of_the_storage_are_timed(world: World, picture: Any) -> None:
    world.runner.run(world.accept(picture()))
    world.runner.run(world.accept(None))
    rendered = world.metrics.render().decode()
    assert 'eco2_dependency_request_duration_seconds_count{dependency="s3",result="ok"} 3.0' in rendered
    assert 'dependency="s3",result="error"' not in rendered  # what is not there was asked for, and answered
