"""What every service has: probes, metrics, documentation, a program."""

import json
import runpy
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from eco2_scan.__main__ import main
from eco2_scan.settings import Settings

PREFIX = "/api/v1/scan"
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
ENVIRON = {"DATABASE_URL": NOWHERE, "IMAGE_URL": "http://image", "CHARACTER_URL": "http://character"}
OPERATIONS = {
    ("post", f"{PREFIX}/classify"): {
        *("200", "202", "400", "401", "403", "404", "409", "410", "413", "422", "429", "502", "503", "504")
    },
    ("get", f"{PREFIX}/task/{{task_id}}"): {"200", "401", "404", "422", "503"},
    ("get", f"{PREFIX}/categories"): {"200", "304", "401", "422", "503"},
    ("delete", "/api/v1/internal/users/{user_id}"): {"204", "401", "403", "422", "503"},
}


async def test_it_lives_is_ready_and_counts(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/health")).json() == {"status": "ok"}
    assert (await client.get("/ready")).json() == {"status": "ok", "checks": {"postgres": "ok", "redis": "ok"}}
    text = (await client.get("/metrics/status")).text
    assert 'eco2_service_info{name="scan",' in text


async def test_it_counts_tasks_and_stages(client: httpx2.AsyncClient, upload: Callable[..., str]) -> None:
    answer = await client.post(f"{PREFIX}/classify", json={"image_id": upload()})
    assert answer.status_code == 200
    text = (await client.get("/metrics/status")).text
    for line in (
        'eco2_pipeline_stage_duration_seconds_count{result="ok",stage="vision"} 1.0',
        'eco2_pipeline_stage_duration_seconds_count{result="ok",stage="answer"} 1.0',
        'eco2_llm_requests_total{model="gpt-5.1",result="ok"} 2.0',
        'eco2_rewards_total{result="given"} 1.0',
        'eco2_tasks{state="done"}',
        'eco2_dependency_request_duration_seconds_count{dependency="image",result="ok"} 2.0',
        'eco2_dependency_request_duration_seconds_count{dependency="character",result="ok"} 1.0',
    ):
        assert line in text
    assert "user-1" not in text
    assert answer.json()["id"] not in text


def test_the_schema_names_every_operation_and_all_its_answers() -> None:
    result = CliRunner(env=ENVIRON).invoke(main, ["openapi"])
    assert result.exit_code == 0, result.output
    schema = json.loads(result.stdout)
    found = {
        (method, path): set(operation["responses"])
        for path, item in schema["paths"].items()
        for method, operation in item.items()
    }
    assert found == OPERATIONS


async def test_its_documentation_is_below_its_prefix(client: httpx2.AsyncClient) -> None:
    assert f"{PREFIX}/openapi.json" in (await client.get(f"{PREFIX}/docs")).text
    assert (await client.get(f"{PREFIX}/openapi.json")).json()["info"]["title"] == "Eco² scan"


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (ENVIRON | {"SCANS_PER_DAY": "7", "OPENAI_MODEL_VISION": "gpt-9", "TASK_ATTEMPTS": "2"}).items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert (settings.scans_per_day, settings.openai_model_vision, settings.task_attempts) == (7, "gpt-9", 2)


@pytest.mark.parametrize("name", ["image_url", "character_url"])
@pytest.mark.parametrize("value", ["image", "ftp://image", "http://", "http://image?a=b", "http://image#a"])
def test_an_address_that_is_none_is_refused(name: str, value: str) -> None:
    values: dict[str, Any] = {key.lower(): value for key, value in ENVIRON.items()} | {name: value}
    with pytest.raises(ValidationError, match=r"must be http://host"):
        Settings(**values)


def test_a_lease_that_ends_before_the_work_is_refused() -> None:
    values: dict[str, Any] = {key.lower(): value for key, value in ENVIRON.items()}
    with pytest.raises(ValidationError, match="TASK_LEASE_SECONDS"):
        Settings(**values, task_lease_seconds=50, pipeline_timeout_seconds=45, image_seconds=10)


def test_without_a_broker_there_is_no_worker() -> None:
    result = CliRunner(env=ENVIRON).invoke(main, ["worker"])
    assert result.exit_code == 2
    assert "CELERY_BROKER_URL" in result.output


def test_the_program_can_be_run_as_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["eco2-scan", "--help"])
    with pytest.raises(SystemExit) as ended, pytest.warns(RuntimeWarning, match="eco2_scan.__main__"):
        runpy.run_module("eco2_scan.__main__", run_name="__main__")
    assert ended.value.code == 0
