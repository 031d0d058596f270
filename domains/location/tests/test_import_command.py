"""`eco2-location import`, as a person runs it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.postgres import Postgres

from eco2_location import import_command, loading
from eco2_location.__main__ import main
from eco2_service.database import Database

HEADER = "관리번호,시설명,구분,위도,경도,관리기관명"
Run = Callable[..., Result]
Sql = Callable[..., list[tuple[Any, ...]]]
COUNT = "SELECT count(*) FROM location.places"
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def run(database_url: str) -> Run:
    def run(*arguments: object, url: str = database_url) -> Result:
        return CliRunner(env={"DATABASE_URL": url, "COLUMNS": "160"}).invoke(main, [str(one) for one in arguments])

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "places.csv"
    path.write_bytes(f"{HEADER}\na,상자,폐건전지,37.5665,126.978,중구\nb,통,의류,37.57,126.98,중구\n".encode("cp949"))
    return path


@pytest.fixture
def bad_file(tmp_path: Path) -> Path:
    path = tmp_path / "[bold]bad.csv"
    path.write_text(f"{HEADER}\na,상자,[red]함,37.5665,126.978,중구\nb,통,의류,126.98,37.57,중구\n")
    return path


def test_a_file_is_imported_and_the_table_says_what_changed(run: Run, file: Path, sql: Sql) -> None:
    result = run("import", file, "--source", "seoul-jung")
    assert result.exit_code == 0, result.output
    lines = {line.split("│")[1].strip(): line for line in result.stdout.splitlines() if "│" in line}
    assert "2" in lines["added"]
    assert ": imported as seoul-jung" in " ".join(result.stdout.split())
    assert "not used: 관리기관명" in result.stdout
    assert sql("SELECT source, name FROM location.places ORDER BY name") == [
        ("seoul-jung", "상자"),
        ("seoul-jung", "통"),
    ]


def test_the_report_as_json(run: Run, file: Path) -> None:
    result = run("import", file, "--source", "one", "-o", "json")
    assert json.loads(result.stdout) == {
        "file": str(file),
        "source": "one",
        "status": "imported",
        "places": 2,
        "changes": {"added": 2, "changed": 0, "removed": 0, "unchanged": 0},
        "ignored_columns": ["관리기관명"],
        "faults": [],
    }
    again = json.loads(run("import", file, "--source", "one", "-o", "json").stdout)
    assert again["changes"] == {"added": 0, "changed": 0, "removed": 0, "unchanged": 2}


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_dry_run_writes_nothing(run: Run, file: Path, sql: Sql, output: str) -> None:
    result = run("import", file, "--source", "one", "--dry-run", "-o", output)
    assert result.exit_code == 0
    assert ("would be imported" if output == "table" else '"would_import"') in result.stdout
    assert sql(COUNT) == [(0,)]


def test_a_file_with_faults_is_refused_with_all_of_them_and_needs_no_database(run: Run, bad_file: Path) -> None:
    result = run("import", bad_file, "--source", "one", url="")
    assert result.exit_code == 1, result.output
    assert "[bold]bad.csv: refused, nothing was written" in " ".join(result.stdout.split())
    for words in (["2", "구분", "'[red]함' is no category"], ["3", "위도", "are swapped", "exchange the two"]):
        assert any(all(word in line for word in words) for line in result.stdout.splitlines()), result.stdout
    report = json.loads(run("import", bad_file, "--source", "one", "-o", "json", url=NOWHERE).stdout)
    assert report["status"] == "refused"
    assert [(fault["row"], fault["column"]) for fault in report["faults"]] == [(2, "구분"), (3, "위도")]


def test_a_table_shows_the_first_faults(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("\n".join([HEADER, *(f"{n},,의류,37.5,127,중구" for n in range(60))]))
    result = run("import", path, "--source", "one")
    assert "and 10 more" in result.stdout
    assert result.stdout.count("the cell is empty") == 50
    assert len(json.loads(run("import", path, "--source", "one", "-o", "json").stdout)["faults"]) == 60


def test_a_file_that_would_delete_most_needs_a_word(run: Run, file: Path, tmp_path: Path, sql: Sql) -> None:
    run("import", file, "--source", "one")
    other = tmp_path / "other.csv"
    other.write_text(f"{HEADER}\nc,함,의류,37.5,127,중구\n")
    result = run("import", other, "--source", "one")
    assert result.exit_code == 1
    assert "2 of the places of one are not in it" in " ".join(result.stdout.split())
    assert sql(COUNT) == [(2,)]
    assert run("import", other, "--source", "one", "--allow-shrink").exit_code == 0
    assert sql(COUNT) == [(1,)]


def test_one_category_for_all_and_geojson(run: Run, tmp_path: Path, sql: Sql) -> None:
    point = {"type": "Point", "coordinates": [126.978, 37.5665]}
    feature = {"type": "Feature", "geometry": point, "properties": {"name": "헌옷함"}}
    path = tmp_path / "places.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    assert run("import", path, "--source", "one").exit_code == 1
    assert run("import", path, "--source", "one", "--category", "clothes").exit_code == 0
    assert sql("SELECT category FROM location.places") == [("clothes",)]


def test_what_cannot_be_tried_ends_with_2(run: Run, file: Path, tmp_path: Path, postgres: Postgres) -> None:
    source = ("--source", "one")
    for result, words in [
        (run("import", *source), "Missing argument"),
        (run("import", file), "Missing option '--source'"),
        (run("import", file, "--source", "Seoul!"), "a-z, 0-9 and -"),
        (run("import", file, "--source", "x" * 64), "a-z, 0-9 and -"),
        (run("import", tmp_path, *source), "is a directory"),
        (run("import", tmp_path / "absent.csv", *source), "does not exist"),
        (run("import", file, *source, "-o", "xml"), "xml"),
        (run("import", file, *source, "--category", "toilet"), "toilet"),
        (run("import", file, *source, url=""), "DATABASE_URL"),
        (run("import", file, *source, url=NOWHERE), "does not answer"),
    ]:
        assert (result.exit_code, words in result.stderr) == (2, True), result.output
    with postgres.database() as empty:
        result = run("import", file, *source, url=empty)
    assert result.exit_code == 2
    assert "eco2-location migrate" in result.stderr


async def test_while_another_imports_it_ends_with_2(file: Path, run: Run, database: Database) -> None:
    async with database.begin() as connection:
        await loading.lock(connection)
        result = await asyncio.to_thread(run, "import", file, "--source", "one")
    assert (result.exit_code, "Another import is under way" in result.stderr) == (2, True), result.output


def test_a_file_that_cannot_be_read_ends_with_2(run: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_path: Path, *_mode: Any, **_options: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "open", fail)
    result = run("import", file, "--source", "one")
    assert (result.exit_code, "Input/output error" in result.stderr) == (2, True), result.output


def test_a_large_file_is_imported_by_the_installed_program(tmp_path: Path, database_url: str, sql: Sql) -> None:
    path = tmp_path / "large.csv"
    rows = (f"{n},상자 {n},의류,{37 + n % 1000 * 1e-4:.4f},{127 + n // 1000 * 1e-3:.4f},중구" for n in range(30_000))
    path.write_text("\n".join([HEADER, *rows]))
    program = Path(sys.executable).parent / "eco2-location"
    command = [str(program), "import", str(path), "--source", "large", "-o", "json"]
    environment = os.environ | {"DATABASE_URL": database_url}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["changes"]["added"] == 30_000
    assert done.stderr == "", "nobody watches"
    assert sql("SELECT reltuples::int FROM pg_class WHERE relname = 'places'") == [(30_000,)], "plans know at once"


def test_who_watches_sees_how_far_it_is() -> None:
    shown: list[dict[str, Any]] = []

    class Progress:
        def add_task(self, _name: str, *, total: None) -> int:
            return 1

        def update(self, _task: int, **changes: Any) -> None:
            shown.append(changes)

    advance = import_command._counting(Progress())  # type: ignore[arg-type]
    for _ in range(2500):
        advance()
    assert shown == [{"completed": 1000}, {"completed": 2000}]
