"""Advisory locks on a real server."""

from collections.abc import AsyncIterator

import pytest

from eco2_service.database import Database
from eco2_service.locks import lock_key, lock_user, try_lock, wait_for_lock


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, name="tests", pool_size=2, timeout=2)
    yield database
    await database.close()


async def test_a_lock_is_held_until_the_transaction_ends(database: Database) -> None:
    async with database.begin() as mine:
        await mine.execute(wait_for_lock("example", "one"))
        async with database.begin() as other:
            assert await other.scalar(try_lock("example", "one")) is False
            assert await other.scalar(try_lock("example", "two")) is True
            assert await other.scalar(try_lock("another", "one")) is True
    async with database.begin() as other:
        assert await other.scalar(try_lock("example", "one")) is True


async def test_a_user_is_locked_in_one_schema_by_their_id(database: Database) -> None:
    async with database.begin() as mine:
        await lock_user(mine, "example", "one")
        async with database.begin() as other:
            assert await other.scalar(try_lock("example", "one")) is False  # as releases before have it
            assert await other.scalar(try_lock("example", "two")) is True
            assert await other.scalar(try_lock("another", "one")) is True


def test_keys_have_64_bits_with_a_sign_and_stay_what_they_are() -> None:
    keys = [lock_key("example", str(number)) for number in range(100)]
    assert all(-(2**63) <= key < 2**63 for key in keys)
    assert min(keys) < 0 < max(keys)
    assert lock_key("example", "one") == -1297861234952860789, "replicas of two releases wait for each other"
