"""The service as a whole: its probes, its schema, and what it says when PostgreSQL is down."""

import json
import runpy
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from click.testing import CliRunner
from support.services import serve, service_token

from eco2_character.__main__ import main
from eco2_character.application import create_app
from eco2_character.settings import Settings

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
OPERATIONS = {
    ("get", "/api/v1/character/catalog"): {"200", "304", "401", "404", "422", "503"},
    ("post", "/api/v1/internal/characters/rewards"): {"200", "400", "401", "403", "409", "410", "413", "422", "503"},
    ("post", "/api/v1/internal/characters/onboarding"): {"200", "400", "401", "403", "410", "413", "422", "503"},
    ("get", "/api/v1/internal/characters/owned"): {"200", "401", "404", "422", "503"},
    ("delete", "/api/v1/internal/users/{user_id}"): {"204", "401", "403", "422", "503"},
}


async def test_it_is_ready_while_its_database_answers(peer: httpx2.AsyncClient) -> None:
    assert (await peer.get("/health")).status_code == 200
    answer = await peer.get("/ready")
    assert (answer.status_code, answer.json()["checks"]) == (200, {"postgres": "ok"})


async def test_without_its_database_it_says_so(settings: Any, reward_request: Callable[..., dict[str, Any]]) -> None:
    async with serve(create_app(settings(database_url=NOWHERE)), headers=service_token()) as peer:
        assert (await peer.get("/health")).status_code == 200
        assert (await peer.get("/ready")).status_code == 503
        answers = [
            await peer.post("/api/v1/internal/characters/rewards", json=reward_request()),
            await peer.post("/api/v1/internal/characters/onboarding", json={"user_id": "user-1"}),
            await peer.get("/api/v1/internal/characters/owned", params={"user_id": "user-1"}),
            await peer.delete("/api/v1/internal/users/user-1"),
        ]
    for answer in answers:
        assert answer.status_code == 503
        assert answer.json()["type"] == "/problems/database-unavailable"
        assert answer.headers["retry-after"]


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
    assert {"CharacterRewardRequest", "CharacterRewardResponse"} <= set(schema["components"]["schemas"])


async def test_the_documentation_lies_under_the_prefix(peer: httpx2.AsyncClient) -> None:
    assert (await peer.get("/api/v1/character/docs")).status_code == 200
    assert (await peer.get("/api/v1/character/openapi.json")).json()["info"]["title"] == "Eco² character"


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", NOWHERE)
    monkeypatch.setenv("CATALOGUE_CHECK_SECONDS", "0.5")
    monkeypatch.setenv("CATALOGUE_MAX_AGE_SECONDS", "5")
    settings = Settings()
    assert (settings.catalogue_check_seconds, settings.catalogue_max_age_seconds) == (0.5, 5)


def test_the_program_can_be_run_as_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["eco2-character", "--help"])
    with pytest.raises(SystemExit) as ended, pytest.warns(RuntimeWarning, match="eco2_character.__main__"):
        runpy.run_module("eco2_character.__main__", run_name="__main__")
    assert ended.value.code == 0
