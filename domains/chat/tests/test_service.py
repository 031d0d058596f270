"""What every service has: probes, metrics, documentation; and the program as a process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any

import httpx2
from click.testing import CliRunner
from support.redis import free_port
from support.services import SERVICE_TOKEN, identity
from support.waits import eventually

from eco2_chat.__main__ import main
from eco2_model_server.testing import API_KEY, RunningModelServer

PREFIX = "/api/v1/chat"
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
Serving = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]
OPERATIONS = {
    ("post", PREFIX): {str(status) for status in (200, 400, 401, 403, 404, 409, 410, 413, 422, 429, 502, 503, 504)},
    ("get", f"{PREFIX}/history"): {"200", "401", "404", "422", "503"},
    ("delete", f"{PREFIX}/history"): {"204", "401", "403", "503"},
    ("delete", "/api/v1/internal/users/{user_id}"): {"204", "401", "403", "422", "503"},
}


async def test_it_lives_is_ready_and_counts(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/health")).json() == {"status": "ok"}
    assert (await client.get("/ready")).json() == {"status": "ok", "checks": {"postgres": "ok"}}
    metrics = (await client.get("/metrics/status")).text
    assert 'eco2_service_info{name="chat",' in metrics
    assert "eco2_pipeline_stage_duration_seconds" in metrics


async def test_its_documentation_is_below_its_prefix(client: httpx2.AsyncClient) -> None:
    assert f"{PREFIX}/openapi.json" in (await client.get(f"{PREFIX}/docs")).text
    assert (await client.get(f"{PREFIX}/openapi.json")).json()["info"]["title"] == "Eco² chat"


def test_the_schema_names_every_operation_and_all_its_answers() -> None:
    result = CliRunner(env={"DATABASE_URL": NOWHERE}).invoke(main, ["openapi"])
    assert result.exit_code == 0, result.output
    schema = json.loads(result.stdout)
    found = {
        (method, path): set(operation["responses"])
        for path, item in schema["paths"].items()
        for method, operation in item.items()
    }
    assert found == OPERATIONS
    answer = schema["paths"][PREFIX]["post"]["responses"]["200"]["content"]
    assert set(answer) == {"application/json", "text/event-stream"}


async def test_without_its_database_it_says_so(serving: Serving) -> None:
    async with serving(database_url=NOWHERE) as client:
        assert (await client.get("/ready")).status_code == 503
        answers = [
            await client.post(PREFIX, json={"message": "안녕하세요"}),
            await client.get(f"{PREFIX}/history"),
            await client.delete(f"{PREFIX}/history"),
        ]
    assert [(answer.status_code, answer.json()["type"]) for answer in answers] == [
        (503, "/problems/database-unavailable")
    ] * 3


@contextmanager
def program(**environment: str) -> Iterator[tuple[str, list[str]]]:
    """The service as a process of its own: its address, and the lines that it wrote, when it has ended in order."""
    port = free_port()
    command = [sys.executable, "-m", "eco2_chat", "serve"]
    variables = {**os.environ, "LISTEN_HOST": "127.0.0.1", "LISTEN_PORT": str(port), **environment}
    process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said: list[str] = []
    try:
        yield f"http://127.0.0.1:{port}", said
    finally:
        process.send_signal(signal.SIGTERM)
        said += process.communicate(timeout=60)[0].splitlines()
    assert process.returncode == 0, said


def test_the_program_answers_and_ends_in_order(
    database_url: str, redis_server: Any, model_server: RunningModelServer
) -> None:
    environment = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_server.url,
        "OPENAI_API_KEY": API_KEY,
        "OPENAI_BASE_URL": model_server.base_url,
        "CHARACTER_SERVICE_TOKEN_SECRET": SERVICE_TOKEN,
    }
    with program(**environment) as (url, said), httpx2.Client(base_url=url, timeout=30, trust_env=False) as client:

        def ready() -> bool:
            try:
                return client.get("/ready").status_code == 200
            except httpx2.HTTPError:
                return False

        eventually(ready)
        body = {"message": "생수병은 어떻게 버려요?"}
        answer = client.post(PREFIX, json=body, headers=identity("user-1"))
        assert (answer.status_code, answer.json()["kind"]) == (200, "text")
        stream = client.post(PREFIX, json=body, headers={**identity("user-1"), "accept": "text/event-stream"})
        assert stream.text.count("event: result") == 1
    events = [json.loads(line)["event"] for line in said]
    assert {"request", "run", "IMAGE_URL is not set; messages with a photo fail"} <= set(events)
    assert "생수병" not in "".join(said)
    assert API_KEY not in "".join(said)
