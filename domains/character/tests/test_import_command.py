"""`eco2-character import`, as a person runs it."""

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

from eco2_character import store
from eco2_character.__main__ import main
from eco2_service.database import Database

HEADER = "code,name,type,dialog,description,match_major,match_middle,match_minor,default"
ECO = "eco,이코,기본,안녕!,,재활용폐기물,*,*,yes"
Run = Callable[..., Result]
Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def run(database_url: str) -> Run:
    def run(*arguments: object, url: str = database_url) -> Result:
        return CliRunner(env={"DATABASE_URL": url, "COLUMNS": "160"}).invoke(main, [str(one) for one in arguments])

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "catalogue.csv"
    path.write_text(f"{HEADER}\n{ECO}\nmug,머그,컵,반가워!,,재활용폐기물,컵,*,\n", encoding="utf-8-sig")
    return path


@pytest.fixture
def bad_file(tmp_path: Path) -> Path:
    path = tmp_path / "[bold]bad.csv"
    path.write_text(
        f"{HEADER}\n{ECO}\nmug,머그,컵,반가워!,,재활용폐기물,,*,\ncup,[red]컵,컵,,,재활용폐기물,컵,*,maybe\n"
    )
    return path


def test_a_file_is_imported_and_the_table_says_what_changed(run: Run, file: Path, sql: Sql) -> None:
    result = run("import", file)
    assert result.exit_code == 0, result.output
    lines = {line.split("│")[1].strip(): line for line in result.stdout.splitlines() if "│" in line}
    assert "mug" in lines["new"]
    assert "14" in lines["retired"]
    assert "eco" in lines["changed"]  # its dialog is another here
    assert ": imported" in result.stdout
    assert sql("SELECT code FROM character.characters WHERE retired_at IS NULL ORDER BY code") == [("eco",), ("mug",)]
    assert "unchanged" in run("import", file).stdout


def test_the_report_as_json(run: Run, file: Path) -> None:
    report = json.loads(run("import", file, "-o", "json").stdout)
    assert (report["status"], report["file"], report["faults"]) == ("imported", str(file), [])
    assert report["changes"]["added"] == ["mug"]
    again = json.loads(run("import", file, "--output", "json").stdout)
    assert again["changes"] == {"added": [], "changed": [], "returned": [], "retired": [], "unchanged": ["eco", "mug"]}


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_dry_run_writes_nothing(run: Run, file: Path, sql: Sql, output: str) -> None:
    before = sql("SELECT c.* FROM character.characters AS c ORDER BY code")
    result = run("import", file, "--dry-run", "-o", output)
    assert result.exit_code == 0
    assert ("would be imported" if output == "table" else '"would_import"') in result.stdout
    assert "mug" in result.stdout
    assert sql("SELECT c.* FROM character.characters AS c ORDER BY code") == before


def test_a_file_with_faults_is_refused_with_all_of_them(run: Run, bad_file: Path, sql: Sql) -> None:
    before = sql("SELECT c.* FROM character.characters AS c ORDER BY code")
    result = run("import", bad_file)
    assert result.exit_code == 1
    assert "[bold]bad.csv: refused, nothing was written" in " ".join(result.stdout.split())
    for words in (["3", "match_middle", "the cell is empty", "write * for any"], ["4", "dialog"], ["4", "'maybe' is"]):
        assert any(all(word in line for word in words) for line in result.stdout.splitlines()), words
    report = json.loads(run("import", bad_file, "-o", "json").stdout)
    assert report["status"] == "refused"
    assert [(fault["line"], fault["column"]) for fault in report["faults"]] == [
        (3, "match_middle"),
        (4, "dialog"),
        (4, "default"),
    ]
    assert all(fault["problem"] and fault["advice"] for fault in report["faults"])
    assert sql("SELECT c.* FROM character.characters AS c ORDER BY code") == before


def test_a_refused_file_needs_no_database(run: Run, bad_file: Path) -> None:
    assert run("import", bad_file, "--dry-run", url="postgresql://nobody@127.0.0.1:1/none").exit_code == 1


def test_a_fault_of_the_whole_file_has_no_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    result = run("import", tmp_path / "empty.csv")
    assert result.exit_code == 1
    assert "the file is empty" in result.stdout


def test_what_cannot_be_tried_ends_with_2(run: Run, file: Path, tmp_path: Path, postgres: Postgres) -> None:
    for result, words in [
        (run("import"), "Missing argument"),
        (run("import", tmp_path), "is a directory"),
        (run("import", tmp_path / "absent.csv"), "does not exist"),
        (run("import", file, "-o", "xml"), "xml"),
        (run("import", file, url=""), "DATABASE_URL"),
        (run("import", file, url="postgresql://nobody@127.0.0.1:1/none"), "does not answer"),
    ]:
        assert (result.exit_code, words in result.stderr) == (2, True), result.output
    with postgres.database() as empty:
        result = run("import", file, url=empty)
    assert result.exit_code == 2
    assert "eco2-character migrate" in result.stderr


async def test_an_import_that_waits_too_long_for_another_ends_with_2(
    run: Run, file: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_TIMEOUT_SECONDS", "0.5")
    async with database.begin() as connection:
        await store.lock_catalogue(connection)
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
    program = Path(sys.executable).parent / "eco2-character"
    seed = str(files("eco2_character").joinpath("data/catalogue.csv"))
    environment = os.environ | {"DATABASE_URL": database_url}
    command = [str(program), "import", seed, "-o", "json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["changes"]["unchanged"]) == 15
