"""How PostgreSQL answers: by the indexes. Timing is in tests/bench/domains/location.py."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text

from eco2_location import store
from eco2_location.categories import Category
from eco2_location.cells import cover
from eco2_location.finders import BY_CATEGORY, CELLS, Finder, ranges
from eco2_location.geo import Box, boxes_between
from eco2_location.models import NewPlace
from eco2_service.database import Database

COUNT = 20_000
SEOUL = 37.5665, 126.978


@pytest.fixture
async def full(
    database: Database, korea: Callable[[int], list[NewPlace]], put: Callable[..., Awaitable[None]]
) -> Database:
    await put(database, *korea(COUNT))
    return database


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", ()) for node in nodes(child))]


async def explained(database: Database, statement: Any, parameters: dict[str, Any], mode: str) -> list[dict[str, Any]]:
    """The plan and what came of it: for these parameters, or for any, as a prepared statement soon has it."""
    async with database.begin() as connection:
        await connection.execute(text(f"SET LOCAL plan_cache_mode = {mode}"))
        explain = text(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.text}")
        return nodes((await connection.execute(explain, parameters)).scalar_one()[0]["Plan"])


def assert_index(found: list[dict[str, Any]], index: str, *, most: int) -> None:
    """The table is read by the index alone, and no more of it than so many rows."""
    scans = [node for node in found if node.get("Relation Name") == "places" or "Index Name" in node]
    assert scans, found
    assert {node["Index Name"] for node in scans if "Index Name" in node} == {index}
    assert not [node for node in scans if node["Node Type"] == "Seq Scan"]
    read = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in scans
        if node.get("Relation Name") == "places"
    )
    assert 0 < read <= most, read


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize(
    ("finder", "categories", "index", "most"),
    [
        (CELLS, [], "places_by_cell", COUNT / 50),
        (BY_CATEGORY, [Category.LAMP], "places_by_category", COUNT / 500),
        (BY_CATEGORY, [Category.LAMP, Category.CLOTHES], "places_by_category", COUNT / 250),
    ],
    ids=["all", "one category", "two categories"],
)
async def test_near_a_point(
    full: Database, finder: Finder, categories: list[Category], index: str, most: int, mode: str
) -> None:
    lat, lng = SEOUL
    parameters = {"lat": lat, "lng": lng, "radius": 500.0, "limit": 51, **finder.area(lat, lng, 500)}
    if categories:
        parameters["categories"] = categories
    statement = store._within(finder.source(""), False)
    assert_index(await explained(full, statement, parameters, mode), index, most=most)


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize(
    ("boxes", "most"),
    [
        (boxes_between(126.97, 37.56, 126.98, 37.57), COUNT / 50),
        (boxes_between(124, 33, 132, 39), COUNT / 10),  # a page of each range, or all of the category, not of the table
    ],
    ids=["a quarter of the city", "the country"],
)
@pytest.mark.parametrize("categories", [[], [Category.LAMP]], ids=["all", "one category"])
async def test_in_a_box(
    full: Database, boxes: tuple[Box, ...], most: int, categories: list[Category], mode: str
) -> None:
    parameters = {"limit": 51, "after_cell": -1, "after_id": "00000000-0000-0000-0000-000000000000"}
    parameters |= ranges(cover(boxes)) | ({"categories": categories} if categories else {})
    for number, box in enumerate(boxes):
        parameters |= {f"{name}{number}": getattr(box, name) for name in ("south", "west", "north", "east")}
    statement = store._inside(len(boxes), bool(categories))
    index = "places_by_category" if categories else "places_by_cell"
    assert_index(await explained(full, statement, parameters, mode), index, most=most)
