"""Accounts on a real PostgreSQL: whose an account is, and that it stays so in every race."""

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from eco2_auth.errors import AlreadyLinked, UserGone
from eco2_auth.providers.profile import Profile
from eco2_auth.store import Accounts
from eco2_auth.tables import accounts as table
from eco2_auth.tables import outbox, users
from eco2_service.database import Database

GOOGLE = Profile("google", "g-1", "same@example.com", True, "첫째", "https://images.test/1.png")
KAKAO = Profile("kakao", "k-1", "same@example.com", True, "첫째", None)
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 1, 3, tzinfo=UTC)


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return Accounts(database)


async def count(database: Database, what: Any) -> int:
    async with database.read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(what)) or 0)


async def message(database: Database, user_id: str) -> tuple[int, list[dict[str, Any]]]:
    async with database.read() as connection:
        row = (await connection.execute(select(outbox).where(outbox.c.user_id == uuid.UUID(user_id)))).one()
    return row.version, row.body["accounts"]


async def test_the_same_account_is_the_same_user(accounts: Accounts, database: Database) -> None:
    first = await accounts.login(GOOGLE, NOW)
    second = await accounts.login(replace(GOOGLE, email=None, email_verified=False, nickname="다른 이름"), LATER)
    assert (first.new, second.new) == (True, False)
    assert first.user_id == second.user_id == str(uuid.UUID(first.user_id))
    async with database.read() as connection:
        row = (await connection.execute(select(table))).one()
    assert (row.email, row.email_verified, row.nickname, row.last_login_at) == (None, False, "다른 이름", LATER)


async def test_the_same_address_at_two_providers_is_two_users(accounts: Accounts) -> None:
    google, kakao = await accounts.login(GOOGLE, NOW), await accounts.login(KAKAO, NOW)
    other = await accounts.login(replace(GOOGLE, subject="g-2"), NOW)
    assert len({google.user_id, kakao.user_id, other.user_id}) == 3


async def test_an_account_is_linked_to_one_user(accounts: Accounts) -> None:
    user = (await accounts.login(GOOGLE, NOW)).user_id
    assert await accounts.link(user, KAKAO, NOW)
    assert not await accounts.link(user, KAKAO, LATER)
    assert (await accounts.login(KAKAO, LATER)).user_id == user
    other = (await accounts.login(replace(GOOGLE, subject="g-2"), NOW)).user_id
    with pytest.raises(AlreadyLinked):
        await accounts.link(other, KAKAO, LATER)
    assert (await accounts.login(KAKAO, LATER)).user_id == user


@pytest.mark.parametrize("user", ["3f0c1f5e-0d6a-4a5c-9a36-5a5d1a2f7c11", "no-uuid"])
async def test_nothing_is_linked_to_nobody(accounts: Accounts, database: Database, user: str) -> None:
    with pytest.raises(UserGone):
        await accounts.link(user, KAKAO, NOW)
    assert await count(database, table) == 0
    assert not await accounts.delete(user)


async def test_a_push_is_written_with_each_change(accounts: Accounts, database: Database) -> None:
    user = (await accounts.login(GOOGLE, NOW)).user_id
    version, sent = await message(database, user)
    assert sent == [
        {
            "provider": "google",
            "email": "same@example.com",
            "nickname": "첫째",
            "picture": "https://images.test/1.png",
            "last_login_at": "2026-01-02T03:04:05+00:00",
        }
    ]
    await accounts.link(user, KAKAO, LATER)
    newer, sent = await message(database, user)
    assert [account["provider"] for account in sent] == ["google", "kakao"]
    assert newer > version
    assert await count(database, outbox) == 1


async def test_what_is_deleted_is_gone_and_comes_back_as_somebody_else(accounts: Accounts, database: Database) -> None:
    user = (await accounts.login(GOOGLE, NOW)).user_id
    await accounts.link(user, KAKAO, NOW)
    assert not await accounts.delete(user.upper())  # nobody is called so
    assert await accounts.delete(user)
    assert not await accounts.delete(user)
    assert [await count(database, what) for what in (users, table, outbox)] == [0, 0, 0]
    assert (await accounts.login(GOOGLE, NOW)).user_id != user


async def test_first_logins_at_once_are_one_user(accounts: Accounts, database: Database) -> None:
    logins = await asyncio.gather(*(accounts.login(GOOGLE, NOW) for _ in range(20)))
    assert len({login.user_id for login in logins}) == 1
    assert sum(login.new for login in logins) == 1
    assert await count(database, users) == 1


async def test_links_at_once_give_an_account_to_one(accounts: Accounts) -> None:
    names = [(await accounts.login(replace(GOOGLE, subject=f"g-{n}"), NOW)).user_id for n in range(8)]
    outcomes = await asyncio.gather(*(accounts.link(name, KAKAO, NOW) for name in names), return_exceptions=True)
    assert sum(outcome is True for outcome in outcomes) == 1
    assert sum(isinstance(outcome, AlreadyLinked) for outcome in outcomes) == 7


async def test_logins_by_two_accounts_at_once_tell_both(accounts: Accounts, database: Database) -> None:
    user = (await accounts.login(GOOGLE, NOW)).user_id
    await accounts.link(user, KAKAO, NOW)
    profiles = [GOOGLE, KAKAO] * 10
    await asyncio.gather(*(accounts.login(profile, LATER) for profile in profiles))
    _, sent = await message(database, user)
    assert {account["last_login_at"] for account in sent} == {LATER.isoformat()}


async def test_logins_links_and_deletions_at_once_never_wait_for_each_other(
    accounts: Accounts, database: Database
) -> None:
    user = (await accounts.login(GOOGLE, NOW)).user_id
    steps: list[Any] = []
    for _ in range(8):
        steps += [accounts.login(GOOGLE, NOW), accounts.login(KAKAO, NOW)]
        steps += [accounts.link(user, KAKAO, NOW), accounts.delete(user)]
    outcomes = await asyncio.gather(*steps, return_exceptions=True)
    errors = {type(outcome) for outcome in outcomes if isinstance(outcome, BaseException)}
    assert errors <= {UserGone, AlreadyLinked}
    assert await count(database, table) == 2
    assert await count(database, outbox) == await count(database, users)


async def test_a_login_that_is_overtaken_again_and_again_gives_up(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await accounts.login(GOOGLE, NOW)

    async def gone(*_: object) -> bool:
        return False

    monkeypatch.setattr("eco2_auth.store._touch", gone)
    with pytest.raises(UserGone):
        await accounts.login(GOOGLE, NOW)
