"""The service as a whole: its probes, its schema, who may ask, and what it says when PostgreSQL is down."""

import asyncio
import json
import runpy
from typing import Any

import httpx2
import pytest
from click.testing import CliRunner
from support import postgres as postgresql
from support.services import identity, serve

from eco2_info.__main__ import main
from eco2_info.application import create_app
from eco2_info.settings import Settings
from eco2_service.migrations import upgrade

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
PREFIX = "/api/v1/info"
LISTS = {"200", "304", "401", "404", "422", "503"}
OPERATIONS = {
    ("get", f"{PREFIX}/articles"): LISTS,
    ("get", f"{PREFIX}/articles/{{article_id}}"): LISTS,
    ("get", f"{PREFIX}/rules"): LISTS,
    ("get", f"{PREFIX}/rules/{{rule_id}}"): LISTS,
    ("get", f"{PREFIX}/search"): LISTS,
}
PATHS = ("articles", "articles/four-steps", "rules", "rules/milk-carton", "search?q=우유")


async def test_it_is_ready_while_its_database_answers(user: httpx2.AsyncClient) -> None:
    assert (await user.get("/health")).status_code == 200
    answer = await user.get("/ready")
    assert (answer.status_code, answer.json()["checks"]) == (200, {"postgres": "ok"})


@pytest.mark.parametrize("path", PATHS)
async def test_who_is_not_signed_in_sees_nothing(settings: Any, path: str) -> None:
    async with serve(create_app(settings())) as nobody:
        answer = await nobody.get(f"{PREFIX}/{path}")
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/not-signed-in")


@pytest.mark.parametrize("path", PATHS)
async def test_what_the_client_has_is_not_sent_again(user: httpx2.AsyncClient, path: str) -> None:
    first = await user.get(f"{PREFIX}/{path}")
    assert first.status_code == 200, first.text
    assert first.headers["content-type"] == "application/json"
    assert first.headers["cache-control"] == "private, max-age=60"
    assert first.headers["vary"] == "Authorization, Cookie"
    etag = first.headers["etag"]
    for sent in ([etag], ["*"], [f"W/{etag}"], ['"other"', etag]):
        again = await user.get(f"{PREFIX}/{path}", headers=[("if-none-match", value) for value in sent])
        assert (again.status_code, again.content) == (304, b"")
        for name in ("etag", "cache-control", "vary"):  # RFC 9110, section 15.4.5
            assert again.headers[name] == first.headers[name]
        assert "content-type" not in again.headers
    other = await user.get(f"{PREFIX}/{path}", headers={"if-none-match": '"other"'})
    assert (other.content, other.headers["etag"]) == (first.content, etag)


async def test_how_long_a_client_may_show_it_is_a_setting(settings: Any) -> None:
    async with serve(create_app(settings(info_max_age_seconds=5)), headers=identity("user-1")) as user:
        assert (await user.get(f"{PREFIX}/rules")).headers["cache-control"] == "private, max-age=5"


async def test_without_its_database_it_still_has_the_rules(settings: Any) -> None:
    with postgresql.running() as server, server.database() as url:
        await asyncio.to_thread(upgrade, "eco2_info", url)
        async with serve(create_app(settings(database_url=url)), headers=identity("user-1")) as user:
            assert (await user.get(f"{PREFIX}/search?q=우유")).status_code == 200
            server.kill()
            assert (await user.get("/health")).status_code == 200
            assert (await user.get("/ready")).status_code == 503
            assert (await user.get(f"{PREFIX}/rules/milk-carton")).status_code == 200
            for path in ("articles", "articles/four-steps", "search?q=우유"):
                answer = await user.get(f"{PREFIX}/{path}")
                assert (answer.status_code, answer.json()["type"]) == (503, "/problems/database-unavailable")
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
    assert {"Article", "Rule", "SearchHit"} <= set(schema["components"]["schemas"])


async def test_the_documentation_lies_under_the_prefix(user: httpx2.AsyncClient) -> None:
    assert (await user.get(f"{PREFIX}/docs")).status_code == 200
    assert (await user.get(f"{PREFIX}/openapi.json")).json()["info"]["title"] == "Eco² info"


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", NOWHERE)
    monkeypatch.setenv("INDEX_CHECK_SECONDS", "0.5")
    monkeypatch.setenv("INFO_MAX_AGE_SECONDS", "5")
    settings = Settings()
    assert (settings.index_check_seconds, settings.info_max_age_seconds) == (0.5, 5)


def test_the_program_can_be_run_as_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["eco2-info", "--help"])
    with pytest.raises(SystemExit) as ended, pytest.warns(RuntimeWarning, match="eco2_info.__main__"):
        runpy.run_module("eco2_info.__main__", run_name="__main__")
    assert ended.value.code == 0
