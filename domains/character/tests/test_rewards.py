"""Rewards: what is earned, and what happens when they are asked for again."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from support.services import SERVICE_TOKEN, serve, service_token

from eco2_character.application import create_app

REWARDS = "/api/v1/internal/characters/rewards"
OWNED = "/api/v1/internal/characters/owned"
PAPER_PACK = {
    "code": "paper-pack",
    "name": "팩토리",
    "type": "종이팩",
    "dialog": "헹구고 펼치고 말려 줘. 나는 종이류랑 따로 모아야 해!",
}
Request = Callable[..., dict[str, Any]]


async def counted(peer: httpx2.AsyncClient) -> dict[str, float]:
    lines = (await peer.get("/metrics/status")).text.splitlines()
    found = (line.split("} ") for line in lines if line.startswith("eco2_rewards_total{"))
    return {name.split('"')[1]: float(value) for name, value in found if float(value)}


def classified(*labels: str) -> dict[str, str]:
    return dict(zip(("major_category", "middle_category", "minor_category"), labels, strict=False))


async def test_a_user_receives_what_an_item_earns(peer: httpx2.AsyncClient, reward_request: Request) -> None:
    answer = await peer.post(REWARDS, json=reward_request())
    assert answer.status_code == 200
    assert answer.json() == {
        "received": True,
        "already_owned": False,
        "character": PAPER_PACK,
        "match_reason": "재활용폐기물 > 종이팩",
        "reason": None,
    }
    (owned,) = (await peer.get(OWNED, params={"user_id": "user-1"})).json()["items"]
    assert (owned["code"], owned["source"]) == ("paper-pack", "scan")


async def test_another_request_for_what_is_owned(peer: httpx2.AsyncClient, reward_request: Request) -> None:
    await peer.post(REWARDS, json=reward_request("request-1"))
    answer = await peer.post(REWARDS, json=reward_request("request-2", source="chat"))
    assert answer.json() == {
        "received": False,
        "already_owned": True,
        "character": PAPER_PACK,
        "match_reason": "재활용폐기물 > 종이팩",
        "reason": "already_owned",
    }


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        (("재활용폐기물", "금속류", "철캔"), "can"),
        (("재활용폐기물", "금속류", "부탄가스·살충제 용기"), "butane-can"),
        (("재활용폐기물", "의류및원단"), "clothes"),
        (("재활용폐기물", "영농폐기물", "농약 용기"), "eco"),
        (("음식물류폐기물", "과일 껍질"), "food"),
    ],
)
async def test_the_most_specific_character_is_earned(
    peer: httpx2.AsyncClient, reward_request: Request, labels: tuple[str, ...], code: str
) -> None:
    answer = await peer.post(REWARDS, json=reward_request(classification=classified(*labels)))
    assert answer.json()["character"]["code"] == code


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"classification": classified("일반종량제폐기물", "기저귀")}, "no_match"),
        ({"disposal_rules_present": False}, "no_disposal_rules"),
        ({"insufficiencies_present": True}, "insufficiencies_present"),
    ],
)
async def test_nothing_is_received_and_the_reason_said(
    peer: httpx2.AsyncClient, reward_request: Request, changes: dict[str, Any], reason: str
) -> None:
    answer = await peer.post(REWARDS, json=reward_request(**changes))
    assert answer.status_code == 200
    assert answer.json() == {
        "received": False,
        "already_owned": False,
        "character": None,
        "match_reason": None,
        "reason": reason,
    }
    assert (await peer.get(OWNED, params={"user_id": "user-1"})).json()["items"] == []
    assert await counted(peer) == {reason: 1}


async def test_the_same_request_again_gets_the_same_answer(
    peer: httpx2.AsyncClient, reward_request: Request, sql: Callable[..., object]
) -> None:
    first = await peer.post(REWARDS, json=reward_request())
    sql("UPDATE character.characters SET retired_at = now(), name = ''")  # whatever becomes of the catalogue
    again = await peer.post(REWARDS, json=reward_request())
    assert again.status_code == 200
    assert again.json() == first.json()
    assert again.json()["received"] is True
    assert await counted(peer) == {"received": 1, "repeated": 1}


async def test_a_field_that_is_not_known_and_spelled_out_defaults_make_no_other_request(
    peer: httpx2.AsyncClient, reward_request: Request
) -> None:
    body = reward_request(situation_tags=[])
    first = await peer.post(REWARDS, json=body)
    del body["situation_tags"]
    assert (await peer.post(REWARDS, json=body | {"newer_field": 1})).json() == first.json()


@pytest.mark.parametrize(
    "changes",
    [
        {"user_id": "user-2"},
        {"task_id": "task-2"},
        {"source": "chat"},
        {"situation_tags": ["라벨_부착"]},
        {"disposal_rules_present": False},
        {"insufficiencies_present": True},
        {"classification": classified("재활용폐기물", "종이팩")},
    ],
)
async def test_the_same_id_with_another_body_is_a_conflict(
    peer: httpx2.AsyncClient, reward_request: Request, changes: dict[str, Any]
) -> None:
    await peer.post(REWARDS, json=reward_request())
    answer = await peer.post(REWARDS, json=reward_request(**changes))
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/request-id-used"
    assert (await peer.get(OWNED, params={"user_id": "user-2"})).json()["items"] == []
    assert await counted(peer) == {"received": 1, "other_request": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"request_id": ""},
        {"request_id": "a b"},
        {"request_id": "a" * 129},
        {"user_id": "a/b"},
        {"user_id": "사용자"},
        {"user_id": None},
        {"source": "shop"},
        {"task_id": "\x00"},
        {"classification": {"major_category": "재활용폐기물"}},
        {"classification": classified(" ", "종이팩")},
        {"classification": classified("재활용\x00폐기물", "종이팩")},
        {"classification": classified("재활용폐기물", "가" * 101)},
        {"situation_tags": ["a"] * 51},
        {"disposal_rules_present": None},
        {"insufficiencies_present": "no"},
    ],
)
async def test_a_request_that_makes_no_sense_is_a_problem(
    peer: httpx2.AsyncClient, reward_request: Request, changes: dict[str, Any]
) -> None:
    answer = await peer.post(REWARDS, json=reward_request(**changes))
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("text", [r'"\ud800"', r'"a\ud800"', r'"\ufffe"', '"\u0085"'])
async def test_text_that_is_no_unicode_or_is_odd_does_no_harm(
    peer: httpx2.AsyncClient, reward_request: Request, text: str
) -> None:
    body = json.dumps(reward_request(situation_tags=["HERE"])).replace('"HERE"', text).replace('"종이팩"', text)
    answer = await peer.post(REWARDS, content=body.encode(), headers={"content-type": "application/json"})
    assert answer.status_code in (200, 422)


@pytest.mark.parametrize("path", [REWARDS, "/api/v1/internal/characters/onboarding"])
async def test_only_other_domains_may_ask(settings: Any, reward_request: Request, path: str) -> None:
    previous = "the-token-of-yesterday-0123456789"
    async with serve(create_app(settings(service_token_previous=previous))) as anybody:
        for token, status in [(SERVICE_TOKEN, 200), (previous, 200), (SERVICE_TOKEN + "x", 401), ("x", 401)]:
            answer = await anybody.post(path, json=reward_request(), headers=service_token(token))
            assert answer.status_code == status
        assert (await anybody.post(path, json=reward_request())).status_code == 401
        assert (await anybody.get(OWNED, params={"user_id": "user-1"})).status_code == 401
        assert (await anybody.delete("/api/v1/internal/users/user-1")).status_code == 401


async def test_every_result_is_there_before_it_happens(peer: httpx2.AsyncClient) -> None:
    text = (await peer.get("/metrics/status")).text
    for result in ("received", "already_owned", "no_match", "repeated", "other_request", "user_deleted"):
        assert f'eco2_rewards_total{{result="{result}"}} 0.0' in text


async def test_a_retired_character_is_not_earned(
    peer: httpx2.AsyncClient, reward_request: Request, sql: Callable[..., object]
) -> None:
    sql("UPDATE character.characters SET retired_at = now() WHERE code = 'paper-pack'")
    assert (await peer.post(REWARDS, json=reward_request())).json()["character"]["code"] == "eco"
