"""What every service has: probes, metrics, documentation; and what it says when PostgreSQL is down."""

import json
import runpy
from collections.abc import Callable

import httpx2
import pytest
from click.testing import CliRunner
from support.services import identity, serve

from eco2_location.__main__ import main
from eco2_location.application import create_app
from eco2_location.settings import Settings

PREFIX = "/api/v1/locations"
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
READ = {"200", "401", "503"}
OPERATIONS = {
    ("get", f"{PREFIX}/nearby"): READ | {"404", "422"},
    ("get", f"{PREFIX}/"): READ | {"404", "422"},
    ("get", f"{PREFIX}/categories"): READ,
    ("get", f"{PREFIX}/{{place_id}}"): READ | {"404", "422"},
}


async def test_it_lives_is_ready_and_counts(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/health")).json() == {"status": "ok"}
    assert (await client.get("/ready")).json() == {"status": "ok", "checks": {"postgres": "ok"}}
    await client.get(f"{PREFIX}/nearby", params={"lat": 37.5, "lng": 127})
    metrics = (await client.get("/metrics/status")).text
    assert 'eco2_service_info{name="location",' in metrics
    assert 'eco2_dependency_request_duration_seconds_count{dependency="postgres",result="ok"}' in metrics


async def test_its_documentation_is_below_its_prefix(client: httpx2.AsyncClient) -> None:
    assert f"{PREFIX}/openapi.json" in (await client.get(f"{PREFIX}/docs")).text
    assert (await client.get(f"{PREFIX}/openapi.json")).json()["info"]["title"] == "Eco² location"


async def test_without_its_database_it_says_so(settings: Callable[..., Settings]) -> None:
    async with serve(create_app(settings(database_url=NOWHERE)), headers=identity("user-1")) as client:
        assert (await client.get("/health")).status_code == 200
        assert (await client.get("/ready")).status_code == 503
        assert (await client.get(f"{PREFIX}/categories")).status_code == 200
        for path in ("/nearby?lat=37.5&lng=127", "/", "/00000000-0000-4000-8000-000000000000"):
            answer = await client.get(f"{PREFIX}{path}")
            assert answer.status_code == 503
            assert answer.json()["type"] == "/problems/database-unavailable"
            assert answer.headers["retry-after"]


def test_the_schema_names_every_operation_and_all_its_answers() -> None:
    result = CliRunner(env={"DATABASE_URL": NOWHERE}).invoke(main, ["openapi"])
    assert result.exit_code == 0, result.output
    found = {
        (method, path): set(operation["responses"])
        for path, item in json.loads(result.stdout)["paths"].items()
        for method, operation in item.items()
    }
    assert found == OPERATIONS


def test_the_program_can_be_run_as_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["eco2-location", "--help"])
    with pytest.raises(SystemExit) as ended, pytest.warns(RuntimeWarning, match="eco2_location.__main__"):
        runpy.run_module("eco2_location.__main__", run_name="__main__")
    assert ended.value.code == 0
