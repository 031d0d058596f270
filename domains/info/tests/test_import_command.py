"""`eco2-info import`, as a person runs it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.postgres import Postgres

from eco2_info.__main__ import main
from eco2_info.store import articles
from eco2_service.database import Database

Run = Callable[..., Result]
Sql = Callable[..., list[tuple[Any, ...]]]
EVERYTHING = "SELECT a.* FROM info.articles AS a ORDER BY id"
ONE = """\
- id: {id}
  title: 제목
  summary: 요약
  category: 기본
  tags: [꼬리표]
  published_on: 2026-01-01
  sources: [{{document: 문서, publisher: 기관}}]
  body: 본문
"""


@pytest.fixture
def run(database_url: str) -> Run:
    def run(*arguments: object, url: str = database_url) -> Result:
        return CliRunner(env={"DATABASE_URL": url, "COLUMNS": "160"}).invoke(main, [str(one) for one in arguments])

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "articles.yaml"
    path.write_text(ONE.format(id="four-steps") + ONE.format(id="new-one"), encoding="utf-8-sig")
    return path


@pytest.fixture
def bad_file(tmp_path: Path) -> Path:
    path = tmp_path / "[bold]bad.yaml"
    path.write_text(ONE.format(id="Bad Id") + ONE.format(id="good").replace("body: 본문", "bdy: 본문"))
    return path


def test_a_file_is_imported_and_the_table_says_what_changed(run: Run, file: Path, sql: Sql) -> None:
    result = run("import", file)
    assert result.exit_code == 0, result.output
    lines = {line.split("│")[1].strip(): line for line in result.stdout.splitlines() if "│" in line}
    assert "new-one" in lines["new"]
    assert "four-steps" in lines["changed"]
    assert "13" in lines["deleted"]
    assert ": imported" in result.stdout
    assert sql("SELECT id FROM info.articles ORDER BY id") == [("four-steps",), ("new-one",)]
    assert "unchanged" in run("import", file).stdout


def test_the_report_as_json(run: Run, file: Path) -> None:
    report = json.loads(run("import", file, "-o", "json").stdout)
    assert (report["status"], report["file"], report["faults"]) == ("imported", str(file), [])
    assert report["changes"]["added"] == ["new-one"]
    again = json.loads(run("import", file, "--output", "json").stdout)
    assert again["changes"] == {"added": [], "changed": [], "removed": [], "unchanged": ["four-steps", "new-one"]}


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_dry_run_writes_nothing(run: Run, file: Path, sql: Sql, output: str) -> None:
    before = sql(EVERYTHING)
    result = run("import", file, "--dry-run", "-o", output)
    assert result.exit_code == 0
    assert ("would be imported" if output == "table" else '"would_import"') in result.stdout
    assert "new-one" in result.stdout
    assert sql(EVERYTHING) == before


def test_a_file_with_faults_is_refused_with_all_of_them(run: Run, bad_file: Path, sql: Sql) -> None:
    before = sql(EVERYTHING)
    result = run("import", bad_file)
    assert result.exit_code == 1
    assert "[bold]bad.yaml:refused,nothingwaswritten" in "".join(result.stdout.split())
    report = json.loads(run("import", bad_file, "-o", "json").stdout)
    assert report["status"] == "refused"
    assert [(fault["line"], fault["place"]) for fault in report["faults"]] == [
        (1, "0.id"),
        (9, "1.body"),
        (16, "1.bdy"),
    ]
    for fault in report["faults"]:
        assert fault["place"] in result.stdout
    assert sql(EVERYTHING) == before


def test_a_refused_file_needs_no_database(run: Run, bad_file: Path) -> None:
    assert run("import", bad_file, "--dry-run", url="postgresql://nobody@127.0.0.1:1/none").exit_code == 1


def test_a_fault_of_the_whole_file_has_no_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").touch()
    result = run("import", tmp_path / "empty.yaml")
    assert result.exit_code == 1
    assert "not a list of articles" in result.stdout


def test_what_cannot_be_tried_ends_with_2(run: Run, file: Path, tmp_path: Path, postgres: Postgres) -> None:
    for result, words in [
        (run("import"), "Missing argument"),
        (run("import", tmp_path), "is a directory"),
        (run("import", tmp_path / "absent.yaml"), "does not exist"),
        (run("import", file, "-o", "xml"), "xml"),
        (run("import", file, url=""), "DATABASE_URL"),
        (run("import", file, url="postgresql://nobody@127.0.0.1:1/none"), "does not answer"),
    ]:
        assert (result.exit_code, words in result.stderr) == (2, True), result.output
    with postgres.database() as empty:
        result = run("import", file, url=empty)
    assert result.exit_code == 2
    assert "eco2-info migrate" in result.stderr


async def test_an_import_that_waits_too_long_for_another_ends_with_2(
    run: Run, file: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_TIMEOUT_SECONDS", "0.5")
    async with database.begin() as connection:
        await articles.lock_import(connection)
        result = await asyncio.to_thread(run, "import", file)
    assert (result.exit_code, "Nothing was written" in result.stderr) == (2, True), result.output


def test_a_file_that_cannot_be_read_ends_with_2(run: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_path: Path, _mode: str) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "open", fail)
    result = run("import", file)
    assert (result.exit_code, "Input/output error" in result.stderr) == (2, True)


def test_a_file_without_an_end_is_refused(run: Run) -> None:
    result = run("import", Path("/dev/zero"))
    assert (result.exit_code, "the file has more than" in result.output) == (1, True), result.output


def test_the_installed_program_imports_its_own_seed(database_url: str) -> None:
    program = Path(sys.executable).parent / "eco2-info"
    seed = str(files("eco2_info").joinpath("data/articles.yaml"))
    environment = os.environ | {"DATABASE_URL": database_url}
    command = [str(program), "import", seed, "-o", "json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["changes"]["unchanged"]) == 14
