"""Rules: those of the knowledge base, listed by id and read one by one, with what they rest on."""

from typing import Any

import httpx2
import pytest

from eco2_service.pages import encode_cursor
from eco2_waste_rules.knowledge import load_knowledge

RULES = "/api/v1/info/rules"
MOST_PAGES = 50


async def listed(client: httpx2.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    for _ in range(MOST_PAGES):
        answer = await client.get(RULES, params=query | cursor)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if (following := answer.json()["next_cursor"]) is None:
            return found
        cursor = {"cursor": following}
    pytest.fail("pages without an end")


@pytest.mark.parametrize("limit", [7, 50, 100])
async def test_all_rules_are_listed_once_by_id(user: httpx2.AsyncClient, limit: int) -> None:
    assert [rule["id"] for rule in await listed(user, limit=limit)] == sorted(load_knowledge().rules)


async def test_a_page_that_is_full_to_the_last_rule_is_the_last(user: httpx2.AsyncClient) -> None:
    of_category = [rule for rule in load_knowledge().rules.values() if rule.middle == "종이팩"]
    answer = await user.get(RULES, params={"category": "종이팩", "limit": len(of_category)})
    assert (len(answer.json()["items"]), answer.json()["next_cursor"]) == (len(of_category), None)


async def test_those_of_a_category(user: httpx2.AsyncClient) -> None:
    found = await listed(user, category="종이팩", limit=1)
    expected = sorted(rule.id for rule in load_knowledge().rules.values() if rule.middle == "종이팩")
    assert [rule["id"] for rule in found] == expected
    assert expected
    assert await listed(user, category="종이") == []


async def test_a_rule_says_what_it_rests_on_and_whether_that_was_read(user: httpx2.AsyncClient) -> None:
    knowledge = load_knowledge()
    for name, rule in knowledge.rules.items():
        shown = (await user.get(f"{RULES}/{name}")).json()
        assert shown["verified"] is rule.verified
        assert [source["verified"] for source in shown["sources"]] == [source.verified for source in rule.sources]
        assert all(source["document"] and source["publisher"] for source in shown["sources"])
        assert shown["items"] == [knowledge.items[item].name for item in rule.items]
        assert (shown["steps"], shown["cautions"]) == (list(rule.steps), list(rule.cautions))
        assert "keywords" not in shown  # only searched


async def test_what_is_not_there_is_a_problem(user: httpx2.AsyncClient) -> None:
    unknown = await user.get(f"{RULES}/no-such-rule")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/rule-unknown")
    assert (await user.get(f"{RULES}/Nö")).status_code == 422
    for cursor in ("!", encode_cursor({"code": "a"})):
        assert (await user.get(RULES, params={"cursor": cursor})).status_code == 404
