"""The service on a real PostgreSQL and a real S3 server, and pictures."""

import io
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image
from pydantic import SecretStr
from support import s3 as s3_server
from support.postgres import Postgres
from support.redis import free_port
from support.s3 import S3
from support.services import SERVICE_TOKEN, identity, migrated_template, postgres, serve, service_token
from support.waits import eventually

from eco2_image.application import create_app
from eco2_image.settings import Settings

__all__ = ["postgres"]

MakeSettings = Callable[..., Settings]
Sql = Callable[..., list[tuple[Any, ...]]]
CDN = "https://images.example.org"
UPLOADS = "/api/v1/images/uploads"


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> Iterator[str]:
    """The name of a database with the schema."""
    with migrated_template(postgres, "eco2_image") as name:
        yield name


@pytest.fixture
def database_url(postgres: Postgres, template: str) -> Iterator[str]:
    """A database of the test's own, with the schema."""
    with postgres.database(template=template) as url:
        yield url


@pytest.fixture
def sql(postgres: Postgres, database_url: str) -> Sql:
    """Runs a statement in that database."""
    name = database_url.rsplit("/", 1)[1]
    return lambda statement, *arguments: postgres.execute(statement, *arguments, database=name)


@pytest.fixture(scope="session")
def s3_process() -> Iterator[S3]:
    """An S3 server for all tests of the process. A test that breaks it starts its own with `running`."""
    with s3_server.running() as server:
        yield server


@pytest.fixture
def use_s3(monkeypatch: pytest.MonkeyPatch) -> Callable[[S3], None]:
    """Gives boto3 the credentials of a server."""

    def use(server: S3) -> None:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)

    return use


@pytest.fixture
def s3(s3_process: S3, use_s3: Callable[[S3], None]) -> S3:
    """An S3 server with an empty bucket, whose credentials boto3 finds."""
    use_s3(s3_process)
    s3_process.empty()
    return s3_process


@pytest.fixture
def settings(database_url: str, s3: S3) -> MakeSettings:
    """Makes settings for that database and that server. Nothing is swept by itself unless said otherwise."""

    def make(**changes: Any) -> Settings:
        values: dict[str, Any] = {
            "database_url": SecretStr(database_url),
            "service_token": SecretStr(SERVICE_TOKEN),
            "s3_bucket": s3_server.BUCKET,
            "aws_endpoint_url": s3.url,
            "cdn_base_url": CDN,
            "image_sweep_seconds": 3600,
            "celery_concurrency": 2,
        }
        return Settings(**values | changes)

    return make


@pytest.fixture
async def client(settings: MakeSettings) -> AsyncIterator[httpx2.AsyncClient]:
    """A signed-in user's client, ``user-1``, who also has the token of other domains."""
    async with serve(create_app(settings()), headers=identity("user-1") | service_token()) as client:
        yield client


@pytest.fixture
def picture() -> Callable[..., bytes]:
    """Makes a file with a picture. All that is not said goes to Pillow's `save`."""

    def make(
        kind: str = "JPEG", size: tuple[int, int] = (40, 30), *, mode: str = "RGB", color: Any = 0, **options: Any
    ) -> bytes:
        target = io.BytesIO()
        image = Image.new(mode, size, color)
        if mode == "P":
            image.putpalette([shade for number in range(256) for shade in (number, number, number)])
        image.save(target, kind, **options)
        return target.getvalue()

    return make


Begin = Callable[..., Any]


@pytest.fixture
def begin() -> Begin:
    """Begins an upload and returns the answer's body."""

    async def do(
        client: httpx2.AsyncClient, size: int, content_type: str = "image/jpeg", **more: Any
    ) -> dict[str, Any]:
        answer = await client.post(UPLOADS, json={"content_type": content_type, "size": size, **more})
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    return do


@pytest.fixture
def send() -> Callable[..., Any]:
    """Sends bytes to where they were signed for, and returns what S3 answers."""

    async def do(signed: dict[str, Any], data: bytes) -> httpx2.Response:
        async with httpx2.AsyncClient(timeout=30) as anybody:
            if signed["method"] == "post":
                return await anybody.post(signed["url"], data=signed["fields"], files={"file": ("photo", data)})
            return await anybody.put(signed["url"], content=data, headers=signed["headers"])

    return do


@pytest.fixture
def uploaded(begin: Begin, send: Callable[..., Any]) -> Callable[..., Any]:
    """Begins an upload and sends the bytes. Returns where the upload is."""

    async def do(client: httpx2.AsyncClient, data: bytes, content_type: str = "image/jpeg", **more: Any) -> str:
        signed = await begin(client, len(data), content_type, **more)
        answer = await send(signed, data)
        assert answer.status_code in (200, 204), answer.text
        return f"{UPLOADS}/{signed['id']}"

    return do


@pytest.fixture
def complete(uploaded: Callable[..., Any]) -> Callable[..., Any]:
    """Uploads an image and completes it. Returns what the service says of it."""

    async def do(
        client: httpx2.AsyncClient, data: bytes, content_type: str = "image/jpeg", **more: Any
    ) -> dict[str, Any]:
        answer = await client.post(f"{await uploaded(client, data, content_type, **more)}/complete")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    return do


class Program:
    """``eco2-image serve`` or ``eco2-image worker`` as a process of its own, as a pod would run it.

    `port` is that of the service, or of the worker's metrics.
    """

    def __init__(self, folder: Path, command: str, settings: Settings, s3: S3) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"{command}-{self.port}.log"
        self._command = [sys.executable, "-m", "eco2_image", command]
        broker = settings.celery_broker_url
        self._environ = {
            **os.environ,
            **s3.environment,
            "DATABASE_URL": settings.database_url.get_secret_value(),
            "CELERY_BROKER_URL": "" if broker is None else broker.get_secret_value(),
            "CELERY_POOL": "eventlet",
            "CELERY_CONCURRENCY": "4",
            "CHARACTER_SERVICE_TOKEN_SECRET": SERVICE_TOKEN,
            "S3_BUCKET": settings.s3_bucket,
            "AWS_ENDPOINT_URL": str(settings.aws_endpoint_url),
            "CDN_BASE_URL": settings.cdn_base_url,
            "TASK_LEASE_SECONDS": str(settings.task_lease_seconds),
            "TASK_PAUSE_SECONDS": str(settings.task_pause_seconds),
            "REAPER_SECONDS": str(settings.reaper_seconds),
            "WORKER_HEARTBEAT_FILE": str(folder / f"heartbeat-{self.port}"),
            "LOG_LEVEL": "debug",
            "LISTEN_HOST": "127.0.0.1",
            ("LISTEN_PORT" if command == "serve" else "METRICS_PORT"): str(self.port),
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environ
            )

    def answers(self) -> bool:
        """Whether it serves; a worker has metrics only."""
        assert self._process.poll() is None, self.log.read_text()[-4000:]
        try:
            return httpx2.get(self.url, trust_env=False).status_code > 0
        except httpx2.TransportError:
            return False

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait(30)

    def stop(self) -> int:
        """Have it end in order. Its exit code."""
        self._process.terminate()
        return self._process.wait(60)


@pytest.fixture
def start(tmp_path: Path, s3: S3) -> Iterator[Callable[[str, Settings], Program]]:
    """Starts programs; those that still run at the end are killed."""
    started: list[Program] = []

    def do(command: str, settings: Settings) -> Program:
        started.append(Program(tmp_path, command, settings, s3))
        eventually(started[-1].answers)
        return started[-1]

    yield do
    for program in started:
        program.kill()


@pytest.fixture
def accept(sql: Sql) -> Callable[[str], None]:
    """Writes what the service writes at a completion, when it has seen the object; its reaper does the rest."""

    def do(place: str) -> None:
        sql(
            "WITH begun AS (UPDATE image.uploads SET state = 'processing' WHERE id = $1 RETURNING *), "
            "held AS (UPDATE image.doomed_objects SET due_at = NULL WHERE key = (SELECT raw_key FROM begun)) "
            "INSERT INTO image.tasks (id, kind, user_id, payload) SELECT id, 'process', user_id, jsonb_build_object("
            "'raw_key', raw_key, 'media', content_type, 'method', method, 'size', declared_size) FROM begun",
            uuid.UUID(place[-36:]),
        )

    return do
