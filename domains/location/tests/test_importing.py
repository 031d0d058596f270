"""Writing a source: what changes, and that all of it does or nothing."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eco2_location import loading
from eco2_location.categories import Category
from eco2_location.cells import cell_of
from eco2_location.errors import Busy
from eco2_location.files.place_file import open_places
from eco2_location.importing import Shrinks, import_places
from eco2_location.loading import Changes
from eco2_service.database import Database, DatabaseUnavailable

Sql = Callable[..., list[tuple[Any, ...]]]
EVERYTHING = "SELECT p.* FROM location.places AS p ORDER BY source, external_id, category"
COUNT = "SELECT source, count(*) FROM location.places GROUP BY source ORDER BY source"
HEADER = "id,name,category,lat,lng,opening_hours,phone,address,detail"
ROWS = [
    "a,상자,battery,37.5665,126.978,24/7,,,",
    "b,통,lamp,37.57,126.98,Mo-Fr 22:00-02:00,,,",
    "c,함,clothes,37.58,126.99,,,,",
]
DIES = """
CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$
"""


@pytest.fixture
def do(database: Database, tmp_path: Path) -> Callable[..., Any]:
    """Imports rows of a CSV file."""

    async def do(*rows: str, source: str = "one", **options: bool) -> Changes:
        path = tmp_path / f"{source}.csv"
        path.write_text("\n".join((HEADER, *rows)), encoding="utf-8")
        with open_places(path) as file:
            assert not file.faults
            return await import_places(database, file, source, **options)

    return do


async def test_a_source_becomes_what_its_file_says(do: Callable[..., Any], sql: Sql) -> None:
    assert await do(*ROWS) == Changes(added=3)
    rows = sql("SELECT external_id, category, name, lat, lng, cell, hours IS NULL FROM location.places ORDER BY 1")
    assert rows == [
        ("a", "battery", "상자", 37.5665, 126.978, cell_of(37.5665, 126.978), False),
        ("b", "lamp", "통", 37.57, 126.98, cell_of(37.57, 126.98), False),
        ("c", "clothes", "함", 37.58, 126.99, cell_of(37.58, 126.99), True),
    ]
    hours = "SELECT hours->'mon'->0->>'closes', open_minutes @> 1320, open_minutes @> 1559, open_minutes @> 1560"
    assert sql(f"{hours} FROM location.places WHERE external_id = 'b'") == [("02:00", True, True, False)]


async def test_again_nothing_changes(do: Callable[..., Any], sql: Sql) -> None:
    await do(*ROWS)
    before = sql(EVERYTHING), sql("SELECT xmin FROM location.places ORDER BY external_id")
    assert await do(*reversed(ROWS)) == Changes(unchanged=3)
    assert (sql(EVERYTHING), sql("SELECT xmin FROM location.places ORDER BY external_id")) == before


@pytest.mark.parametrize(
    "row",
    [
        "b,큰 통,lamp,37.57,126.98,Mo-Fr 22:00-02:00,,,",
        "b,통,lamp,37.571,126.98,Mo-Fr 22:00-02:00,,,",
        "b,통,lamp,37.57,126.981,Mo-Fr 22:00-02:00,,,",
        "b,통,lamp,37.57,126.98,Mo-Fr 22:00-03:00,,,",
        "b,통,lamp,37.57,126.98,,,,",
        "b,통,lamp,37.57,126.98,Mo-Fr 22:00-02:00,02-120,,",
        "b,통,lamp,37.57,126.98,Mo-Fr 22:00-02:00,,세종대로,",
        "b,통,lamp,37.57,126.98,Mo-Fr 22:00-02:00,,,1층",
    ],
    ids=["name", "lat", "lng", "hours", "no hours", "phone", "address", "detail"],
)
async def test_each_field_that_changes_is_written_and_the_id_stays(do: Callable[..., Any], sql: Sql, row: str) -> None:
    await do(*ROWS)
    before: dict[str, Any] = dict(sql("SELECT external_id, id FROM location.places"))
    times: dict[str, Any] = dict(sql("SELECT external_id, updated_at FROM location.places"))
    changed = [ROWS[0], row, ROWS[2]]
    assert await do(*changed) == Changes(changed=1, unchanged=2)
    assert dict(sql("SELECT external_id, id FROM location.places")) == before
    after: dict[str, Any] = dict(sql("SELECT external_id, updated_at FROM location.places"))
    assert [name for name in "abc" if after[name] > times[name]] == ["b"]
    assert await do(*changed) == Changes(unchanged=3)


async def test_what_leaves_the_file_is_deleted_and_other_sources_stay(do: Callable[..., Any], sql: Sql) -> None:
    await do(*ROWS)
    await do(*ROWS, source="two")
    assert await do(
        ROWS[0], ROWS[2].replace("clothes", "battery"), "d,새것,lamp,37.5,127,,,,", allow_shrink=True
    ) == Changes(added=2, removed=2, unchanged=1)
    assert sql(COUNT) == [("one", 3), ("two", 3)]


async def test_most_of_a_source_is_not_deleted_by_mistake(do: Callable[..., Any], sql: Sql) -> None:
    rows = [f"{number},상자,battery,37.5,127,,,," for number in range(10)]
    await do(*rows)
    with pytest.raises(Shrinks) as shrinks:
        await do(*rows[:4])
    assert shrinks.value.changes == Changes(removed=6, unchanged=4)
    assert sql(COUNT) == [("one", 10)]
    assert await do(*rows[:5]) == Changes(removed=5, unchanged=5)
    assert await do(*rows[:1], allow_shrink=True) == Changes(removed=4, unchanged=1)
    other = [f"x{row}" for row in rows]
    with pytest.raises(Shrinks):
        await do(*other)  # another file under the same name
    assert sql(COUNT) == [("one", 1)]


async def test_a_dry_run_says_the_same_and_writes_nothing(do: Callable[..., Any], sql: Sql) -> None:
    await do(*ROWS)
    before = sql(EVERYTHING)
    changed = [ROWS[0], ROWS[1].replace("통", "큰 통"), "d,새것,lamp,37.5,127,,,,"]
    foreseen = await do(*changed, dry_run=True)
    assert foreseen == Changes(added=1, changed=1, removed=1, unchanged=1)
    assert sql(EVERYTHING) == before
    assert await do(*changed) == foreseen


@pytest.mark.parametrize("event", ["DELETE", "UPDATE", "INSERT"])
async def test_when_the_database_dies_in_the_middle_nothing_is_written(
    do: Callable[..., Any], sql: Sql, event: str
) -> None:
    await do(*ROWS)
    before = sql(EVERYTHING)
    sql(DIES)
    sql(f"CREATE TRIGGER dies AFTER {event} ON location.places FOR EACH ROW EXECUTE FUNCTION die()")
    changed = [ROWS[0], ROWS[1].replace("통", "큰 통"), "d,새것,lamp,37.5,127,,,,"]
    with pytest.raises(DatabaseUnavailable):
        await do(*changed)
    assert sql(EVERYTHING) == before
    sql("DROP FUNCTION die CASCADE")
    assert (await do(*changed)).added == 1  # and nobody holds the lock


async def test_when_the_database_goes_while_places_are_sent(
    do: Callable[..., Any], sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = loading._record
    killed: list[Any] = []

    def kill(place: Any) -> Any:
        if not killed:
            killed.append(
                sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tests'")
            )
        return record(place)

    monkeypatch.setattr(loading, "_record", kill)
    rows = [f"{number},상자,battery,37.5,127,,,," for number in range(20_000)]
    with pytest.raises(DatabaseUnavailable):
        await do(*rows)
    assert killed
    assert sql(COUNT) == []
    monkeypatch.setattr(loading, "_record", record)
    assert (await do(*rows)).added == 20_000


async def test_of_two_imports_at_once_one_is_told_to_wait(do: Callable[..., Any], database: Database, sql: Sql) -> None:
    async with database.begin() as connection:
        await loading.lock(connection)
        with pytest.raises(Busy):
            await do(*ROWS)
    assert await do(*ROWS) == Changes(added=3)
    results = await asyncio.gather(*(do(*ROWS, source=f"s{n}") for n in range(4)), return_exceptions=True)
    assert {type(result) for result in results} <= {Changes, Busy}
    assert Changes(added=3) in results


async def test_every_category_of_a_place_is_one(do: Callable[..., Any], sql: Sql) -> None:
    assert await do('a,구청,"폐건전지, 폐형광등",37.5,127,,,,') == Changes(added=2)
    assert sql("SELECT external_id, category FROM location.places ORDER BY 2") == [
        ("a", Category.BATTERY.value),
        ("a", Category.LAMP.value),
    ]
    assert await do("a,구청,폐형광등,37.5,127,,,,") == Changes(removed=1, unchanged=1)
