"""The categories: all items of the knowledge base, for signed-in users, and not sent twice."""

from collections.abc import Callable

import httpx2
from support.services import identity, serve

from eco2_scan.application import create_app
from eco2_scan.settings import Settings
from eco2_waste_rules.knowledge import load_knowledge

CATEGORIES = "/api/v1/scan/categories"


async def test_every_item_is_where_it_belongs(client: httpx2.AsyncClient) -> None:
    answer = await client.get(CATEGORIES)
    assert answer.status_code == 200
    found = [
        (major["name"], middle["name"], item["id"], item["name"])
        for major in answer.json()["items"]
        for middle in major["categories"]
        for item in middle["items"]
    ]
    known = [(item.labels.major, item.labels.middle, item.id, item.name) for item in load_knowledge().items.values()]
    assert sorted(found) == sorted(known)
    assert ("재활용폐기물", "금속류", "drink-can", "음료 캔") in found
    majors = [major["name"] for major in answer.json()["items"]]
    assert len(majors) == len(set(majors))


async def test_what_the_client_has_is_not_sent_again(settings: Callable[..., Settings]) -> None:
    async with serve(create_app(settings(categories_max_age_seconds=7)), headers=identity("user-1")) as client:
        first = await client.get(CATEGORIES)
        assert first.headers["cache-control"] == "private, max-age=7"
        assert first.headers["vary"] == "Authorization, Cookie"
        again = await client.get(CATEGORIES, headers={"if-none-match": f'"other", W/{first.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        other = await client.get(CATEGORIES, headers={"if-none-match": '"other"'})
        assert (other.status_code, other.content) == (200, first.content)


async def test_who_is_not_signed_in_sees_none(settings: Callable[..., Settings]) -> None:
    async with serve(create_app(settings())) as nobody:
        assert (await nobody.get(CATEGORIES)).status_code == 401
