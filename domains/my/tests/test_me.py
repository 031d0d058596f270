"""GET and PATCH /me."""

import asyncio
from typing import Any

import httpx2
import pytest
from support.services import identity

ME = "/api/v1/user/me"


async def test_me_is_what_auth_told(client: httpx2.AsyncClient, push: Any) -> None:
    assert (await push()).status_code == 204
    answer = await client.get(ME)
    assert answer.status_code == 200
    body = answer.json()
    assert {name: body[name] for name in ("user_id", "provider", "nickname", "email", "picture", "last_login_at")} == {
        "user_id": "user-1",
        "provider": "google",
        "nickname": "하나",
        "email": "one@example.com",
        "picture": "https://pictures.example/1.png",
        "last_login_at": "2026-01-02T03:04:05Z",
    }
    assert answer.headers["etag"] == '"1"'


async def test_of_several_accounts_of_the_provider_the_one_used_last(client: httpx2.AsyncClient, push: Any) -> None:
    await push(
        {"email": "old@example.com", "last_login_at": "2026-01-01T00:00:00Z"},
        {"email": "new@example.com", "last_login_at": "2026-03-01T00:00:00Z"},
        {"email": "mid@example.com", "last_login_at": "2026-02-01T00:00:00Z"},
        {"email": None, "provider": "kakao", "nickname": None, "last_login_at": "2026-04-01T00:00:00Z"},
    )
    assert (await client.get(ME)).json()["email"] == "new@example.com"
    with_kakao = (await client.get(ME, headers=identity("user-1", "kakao"))).json()
    assert (with_kakao["email"], with_kakao["nickname"]) == (None, None)


@pytest.mark.parametrize("absent", ["x-user-id", "x-auth-provider"])
async def test_both_headers_are_required(client: httpx2.AsyncClient, push: Any, absent: str) -> None:
    await push()
    del client.headers[absent]
    assert (await client.get(ME)).status_code == 401


async def test_who_is_not_known_yet(client: httpx2.AsyncClient, push: Any) -> None:
    answer = await client.get(ME)
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/user-unknown")
    assert (await client.patch(ME, json={"nickname": "x"})).status_code == 404
    await push()
    assert (await client.get(ME, headers=identity("user-1", "naver"))).status_code == 404


async def test_the_own_nickname_stays_whatever_the_provider_says(client: httpx2.AsyncClient, push: Any) -> None:
    await push()
    answer = await client.patch(ME, json={"nickname": "초록이"})
    assert answer.status_code == 200
    assert answer.json() == (await client.get(ME)).json()
    await push({"nickname": "둘"}, version=2)
    assert (await client.get(ME)).json()["nickname"] == "초록이"
    body = '{"nickname": null}'
    answer = await client.patch(ME, content=body, headers={"content-type": "application/merge-patch+json"})
    assert answer.json()["nickname"] == "둘"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"nickname": ""}, "/nickname"), ({"nickname": "a\nb"}, "/nickname"), ({"email": "x"}, "/email"), ({}, "")],
)
async def test_what_cannot_be_changed_so(
    client: httpx2.AsyncClient, push: Any, body: dict[str, Any], pointer: str
) -> None:
    await push()
    answer = await client.patch(ME, json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert (await client.get(ME)).json()["nickname"] == "하나"


@pytest.mark.parametrize(("condition", "status"), [('"1"', 200), ("*", 200), ('"7", "1"', 200), ('"2"', 412)])
async def test_a_change_of_what_was_read(client: httpx2.AsyncClient, push: Any, condition: str, status: int) -> None:
    await push()
    answer = await client.patch(ME, json={"nickname": "x"}, headers={"if-match": condition})
    assert answer.status_code == status
    expected = "x" if status == 200 else "하나"
    assert (await client.get(ME)).json()["nickname"] == expected


@pytest.mark.parametrize("condition", ["1", 'W/"1"', '"01"', "", '"x"', '"99999999999999999999"'])
async def test_what_is_no_tag_of_ours_matches_nothing(client: httpx2.AsyncClient, push: Any, condition: str) -> None:
    await push()
    answer = await client.patch(ME, json={"nickname": "x"}, headers={"if-match": condition})
    assert (answer.status_code, answer.json()["type"]) == (412, "/problems/profile-changed")


async def test_conditions_on_two_lines_are_one_list(client: httpx2.AsyncClient, push: Any) -> None:
    await push()
    for lines in (['"7"', '"1"'], ['"2"', '"7"']):
        headers = [("if-match", line) for line in lines]
        assert (await client.patch(ME, json={"nickname": "x"}, headers=headers)).status_code == 200


async def test_of_two_changes_at_once_one_is_told(client: httpx2.AsyncClient, push: Any) -> None:
    await push()
    changes = [client.patch(ME, json={"nickname": name}, headers={"if-match": '"1"'}) for name in "abcd"]
    answers = await asyncio.gather(*changes)
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    won = next(answer for answer in answers if answer.status_code == 200)
    assert (await client.get(ME)).json() == won.json()
    assert won.headers["etag"] == '"2"'
