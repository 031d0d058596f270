"""The endpoints: near a point, in a part of the map, one place, categories."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from support.services import serve

from eco2_location.application import create_app
from eco2_location.categories import Category
from eco2_location.hours_text import parse_hours
from eco2_location.models import NewPlace
from eco2_location.settings import Settings
from eco2_service.database import Database
from eco2_service.pages import encode_cursor

PREFIX = "/api/v1/locations"
NEARBY = f"{PREFIX}/nearby"
HERE: dict[str, Any] = {"lat": 37.5665, "lng": 126.978}
ID = "00000000-0000-4000-8000-000000000000"
MakePlace = Callable[..., NewPlace]
Put = Callable[..., Awaitable[None]]


def assert_problem(answer: httpx2.Response, status: int, kind: str) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"/problems/{kind}"
    return answer.json()


async def names(client: httpx2.AsyncClient, path: str = NEARBY, **query: Any) -> list[str]:
    answer = await client.get(path, params=(HERE if path == NEARBY else {}) | query)
    assert answer.status_code == 200, answer.text
    return [item["name"].split()[-1] for item in answer.json()["items"]]


async def test_a_place_is_shown_with_all_that_is_known(
    client: httpx2.AsyncClient, database: Database, place: MakePlace, put: Put
) -> None:
    shop = place(
        "shop",
        37.5675,
        126.978,
        category=Category.ZERO_WASTE_SHOP,
        address="서울특별시 중구 세종대로 110",
        detail="1층",
        phone="02-120",
        hours=parse_hours("Mo-Fr 09:00-18:00"),
    )
    await put(database, shop, source="seoul-shops")
    answer = await client.get(NEARBY, params=HERE)
    assert answer.status_code == 200
    (item,) = answer.json()["items"]
    assert answer.json()["next_cursor"] is None
    distance = item.pop("distance")
    assert distance == pytest.approx(111.2, abs=0.05)
    one = (await client.get(f"{PREFIX}/{item['id']}")).json()
    (listed,) = (await client.get(f"{PREFIX}/")).json()["items"]
    assert listed == one == item
    assert one.pop("updated_at")
    assert one.pop("id")
    assert one.pop("is_open") in (True, False, None)
    assert one == {
        "category": "zero_waste_shop",
        "label": "제로웨이스트 숍",
        "kind": "shop",
        "name": "수거함 shop",
        "address": "서울특별시 중구 세종대로 110",
        "detail": "1층",
        "phone": "02-120",
        "lat": 37.5675,
        "lng": 126.978,
        "hours": {
            **{day: [{"opens": "09:00", "closes": "18:00"}] for day in ("mon", "tue", "wed", "thu", "fri")},
            "sat": [],
            "sun": [],
            "holiday": None,
        },
        "source": "seoul-shops",
    }


async def test_the_nearest_come_first_page_by_page(
    client: httpx2.AsyncClient, database: Database, place: MakePlace, put: Put
) -> None:
    await put(database, *(place(str(number), 37.5665 + number * 1e-3) for number in reversed(range(9))))
    found, query = [], {**HERE, "radius": 700, "limit": 3}
    while True:
        page = (await client.get(NEARBY, params=query)).json()
        found += page["items"]
        if page["next_cursor"] is None:
            break
        assert len(page["items"]) == 3
        query["cursor"] = page["next_cursor"]
    assert [item["name"] for item in found] == [f"수거함 {number}" for number in range(7)]
    assert [item["distance"] for item in found] == sorted(item["distance"] for item in found)


async def test_only_of_some_categories(
    client: httpx2.AsyncClient, database: Database, place: MakePlace, put: Put
) -> None:
    await put(database, *(place(category.value, category=category) for category in Category))
    for path in (NEARBY, f"{PREFIX}/"):
        assert set(await names(client, path)) == set(Category)
        assert await names(client, path, category="lamp") == ["lamp"]
        assert set(await names(client, path, category=["lamp", "clothes", "lamp"])) == {"lamp", "clothes"}
        assert_problem(await client.get(path, params=HERE | {"category": "toilet"}), 422, "invalid-request")


async def test_only_those_that_are_open(
    client: httpx2.AsyncClient, database: Database, place: MakePlace, put: Put
) -> None:
    hours = {"always": "24/7", "never": "off; PH off", "monday": "Mo 09:00-18:00", "unknown": None}
    await put(database, *(place(name, hours=text and parse_hours(text)) for name, text in hours.items()))
    assert set(await names(client)) == set(hours)
    assert "never" not in await names(client, open_now=True)
    monday, holiday = "2026-03-09T10:00:00", "2026-02-17T10:00:00"
    assert set(await names(client, open_at=monday)) == {"always", "monday"}
    assert set(await names(client, open_at="2026-03-09T01:00:00Z")) == {"always", "monday"}
    assert set(await names(client, open_at="2026-03-09T10:00:00Z")) == {"always"}
    assert await names(client, open_at=holiday) == ["always"]
    assert "always" in await names(client, open_at=monday, open_now=True)
    for name, is_open in (("always", True), ("monday", True)):
        items = (await client.get(NEARBY, params=HERE | {"open_at": monday})).json()["items"]
        assert {item["is_open"] for item in items if name in item["name"]} == {is_open}
    found = {
        item["name"].split()[1]: item["is_open"] for item in (await client.get(NEARBY, params=HERE)).json()["items"]
    }
    assert (found["always"], found["never"], found["unknown"]) == (True, False, None)


@pytest.mark.parametrize(
    ("query", "pointer", "words"),
    [
        ({"lat": 91, "lng": 0}, "lat", "less than or equal to 90"),
        ({"lat": 126.978, "lng": 37.5665}, "lat", "less than or equal to 90"),
        ({"lat": 0, "lng": -180.1}, "lng", "greater than or equal to -180"),
        ({"lat": "nan", "lng": 0}, "lat", "finite number"),
        ({"lat": "north", "lng": 0}, "lat", "valid number"),
        ({"lng": 0}, "lat", "required"),
        (HERE | {"radius": 0}, "radius", "greater than or equal to 1"),
        (HERE | {"radius": 50_001}, "radius", "less than or equal to 50000"),
        (HERE | {"radius": "inf"}, "radius", "finite number"),
        (HERE | {"limit": 101}, "limit", "less than or equal to 100"),
        (HERE | {"open_at": "noon"}, "open_at", "valid datetime"),
    ],
)
async def test_a_query_that_makes_no_sense_says_why(
    client: httpx2.AsyncClient, query: dict[str, Any], pointer: str, words: str
) -> None:
    (error,) = assert_problem(await client.get(NEARBY, params=query), 422, "invalid-request")["errors"]
    assert error["pointer"] == pointer
    assert words in error["detail"]


@pytest.mark.parametrize(
    ("bbox", "expected"),
    [
        ("126.9,37.5,127.0,37.6", {"seoul"}),
        ("124,33,132,39", {"seoul", "busan"}),
        ("170,-20,-170,0", {"fiji-west", "fiji-east", "antimeridian"}),
        ("179,-20,180,0", {"fiji-west", "antimeridian"}),
        ("-180,-20,-179,0", {"fiji-east", "antimeridian"}),
        ("10,80,20,90", {"pole"}),
        ("0,0,1,1", set()),
    ],
)
async def test_in_a_part_of_the_map(
    client: httpx2.AsyncClient, database: Database, place: MakePlace, put: Put, bbox: str, expected: set[str]
) -> None:
    points = {
        "seoul": (37.5665, 126.978),
        "busan": (35.18, 129.07),
        "fiji-west": (-16.5, 179.99),
        "fiji-east": (-16.5, -179.99),
        "antimeridian": (-16.0, 180.0),
        "pole": (90.0, -77.0),
    }
    await put(database, *(place(name, *point) for name, point in points.items()))
    assert set(await names(client, f"{PREFIX}/", bbox=bbox)) == expected
    assert set(await names(client, PREFIX, bbox=bbox)) == expected  # without the slash too
    assert set(await names(client, f"{PREFIX}/")) == set(points)


async def test_each_place_of_the_map_is_on_one_page(
    client: httpx2.AsyncClient, database: Database, korea: Callable[[int], list[NewPlace]], put: Put
) -> None:
    places = korea(500)
    await put(database, *places)
    box: dict[str, Any] = {"bbox": "126.8,37.4,127.2,37.7", "limit": 17}
    for categories in ([], ["lamp", "clothes", "battery"]):
        expected = {
            one.external_id
            for one in places
            if 126.8 <= one.lng <= 127.2 and 37.4 <= one.lat <= 37.7 and (not categories or one.category in categories)
        }
        found, query = [], box | {"category": categories}
        while True:
            page = (await client.get(f"{PREFIX}/", params=query)).json()
            found += [item["name"].split()[1] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        assert len(found) == len(set(found))
        assert set(found) == expected
        assert len(expected) > 17


async def test_a_bounding_box_that_is_none_says_why(client: httpx2.AsyncClient) -> None:
    problem = assert_problem(
        await client.get(f"{PREFIX}/", params={"bbox": "37.4,126.9,37.6,127.1"}), 422, "invalid-request"
    )
    assert problem["errors"][0]["pointer"] == "bbox"
    assert "longitudes first" in problem["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("path", "cursor"),
    [
        (NEARBY, "!"),
        (NEARBY, encode_cursor({"cell": "1", "id": ID})),
        (NEARBY, encode_cursor({"distance": "near", "id": ID})),
        (NEARBY, encode_cursor({"distance": "nan", "id": ID})),
        (NEARBY, encode_cursor({"distance": "-1", "id": ID})),
        (NEARBY, encode_cursor({"distance": "1", "id": "1"})),
        (f"{PREFIX}/", encode_cursor({"distance": "1", "id": ID})),
        (f"{PREFIX}/", encode_cursor({"cell": "1.5", "id": ID})),
        (f"{PREFIX}/", encode_cursor({"cell": "-1", "id": ID})),
        (f"{PREFIX}/", encode_cursor({"cell": str(2**63), "id": ID})),
        (f"{PREFIX}/", encode_cursor({"cell": "9" * 5000, "id": ID})[:500]),
    ],
    ids=range(11),
)
async def test_a_cursor_of_another_list_is_a_problem(client: httpx2.AsyncClient, path: str, cursor: str) -> None:
    assert_problem(await client.get(path, params=HERE | {"cursor": cursor}), 404, "no-such-page")


async def test_a_place_that_is_not_there(client: httpx2.AsyncClient) -> None:
    assert_problem(await client.get(f"{PREFIX}/{ID}"), 404, "place-unknown")
    assert_problem(await client.get(f"{PREFIX}/somewhere"), 422, "invalid-request")


async def test_categories(client: httpx2.AsyncClient) -> None:
    found = (await client.get(f"{PREFIX}/categories")).json()
    assert {"code": "lamp", "label": "폐형광등 수거함", "kind": "collection"} in found
    assert [item["code"] for item in found] == list(Category)


async def test_who_is_not_signed_in_sees_nothing(settings: Callable[..., Settings]) -> None:
    async with serve(create_app(settings())) as nobody:
        for path in (NEARBY, PREFIX, f"{PREFIX}/", f"{PREFIX}/categories", f"{PREFIX}/{ID}"):
            assert_problem(await nobody.get(path, params=HERE), 401, "not-signed-in")
