"""The push to my: down, up, refusing, and what is told in which order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from pydantic import SecretStr
from support.aio import becomes
from support.auth import Clock
from support.services import SERVICE_TOKEN, serve

from eco2_auth.outbox import FIRST_PAUSE, LONGEST_PAUSE, Outbox, pause
from eco2_auth.providers.profile import Profile
from eco2_auth.store import Accounts
from eco2_service.database import Database
from eco2_service.metrics import Metrics
from eco2_service.peers import Peer

PROFILE = Profile("google", "g-1", "first@example.com", True, "첫째", None)


@dataclass
class My:
    """A stand-in for my that writes down what it is told."""

    status: int = 204
    heard: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    hold: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.put("/api/v1/internal/users/{user_id}")
        async def put(user_id: str, request: Request) -> Response:
            self.heard.append((user_id, request.headers.get("authorization", ""), await request.json()))
            await self.hold.wait()
            return Response(status_code=self.status)

        return app


@dataclass
class Rig:
    my: My
    outbox: Outbox
    accounts: Accounts
    clock: Clock

    async def login(self, subject: str = "g-1") -> str:
        moment = datetime.fromtimestamp(self.clock(), UTC)
        return (await self.accounts.login(replace(PROFILE, subject=subject), moment)).user_id


@pytest.fixture
async def rig(database: Database, clock: Clock) -> AsyncIterator[Rig]:
    my = My()
    my.hold.set()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(serve(my.app()))
        metrics = Metrics(name="test", version="0")
        peer = Peer("my", str(client.base_url), metrics=metrics, token=SecretStr(SERVICE_TOKEN), attempts=1)
        stack.push_async_callback(peer.close)
        yield Rig(my, Outbox(database, peer, clock=clock), Accounts(database), clock)


async def test_each_user_is_told_of_once(rig: Rig) -> None:
    users = [await rig.login("g-1"), await rig.login("g-2")]
    await rig.login("g-1")
    assert [await rig.outbox.deliver() for _ in range(3)] == [True, True, False]
    assert sorted(user for user, _, _ in rig.my.heard) == sorted(users)
    _, authorization, body = rig.my.heard[0]
    assert authorization == f"Bearer {SERVICE_TOKEN}"
    assert set(body) == {"accounts", "version"}
    assert body["accounts"][0]["email"] == "first@example.com"
    assert await rig.outbox.waiting() == 0


@pytest.mark.parametrize("status", [500, 503, 401, 422])
async def test_it_is_tried_again_until_it_is_taken(rig: Rig, status: int) -> None:
    rig.my.status = status
    await rig.login()
    assert await rig.outbox.deliver()
    assert not await rig.outbox.deliver()
    assert await rig.outbox.waiting() == 1
    rig.my.status = 204
    rig.clock.pass_(FIRST_PAUSE)
    assert await rig.outbox.deliver()
    assert await rig.outbox.waiting() == 0
    assert len(rig.my.heard) == 2


async def test_the_deleted_are_not_told_of_again(rig: Rig) -> None:
    rig.my.status = 410
    await rig.login()
    assert await rig.outbox.deliver()
    assert await rig.outbox.waiting() == 0


async def test_what_is_newer_takes_the_place_of_what_waits(rig: Rig) -> None:
    rig.my.status = 503
    await rig.login()
    await rig.outbox.deliver()
    rig.clock.pass_(0.1)
    await rig.login()
    rig.my.status = 204
    assert await rig.outbox.deliver()  # at once: a new message has no past
    first, second = (body["version"] for _, _, body in rig.my.heard)
    assert second > first
    assert await rig.outbox.waiting() == 0


async def test_a_change_during_the_delivery_is_not_lost(rig: Rig) -> None:
    rig.my.hold.clear()
    await rig.login()
    delivering = asyncio.create_task(rig.outbox.deliver())
    await becomes(lambda: rig.my.heard)
    await rig.login()
    rig.my.hold.set()
    await delivering
    assert await rig.outbox.waiting() == 1
    assert await rig.outbox.deliver()
    assert await rig.outbox.waiting() == 0


async def test_several_processes_share_the_work(rig: Rig) -> None:
    users = {await rig.login(f"g-{number}") for number in range(12)}

    async def drain() -> None:
        while await rig.outbox.deliver():
            pass

    await asyncio.gather(*(drain() for _ in range(4)))
    assert sorted(user for user, _, _ in rig.my.heard) == sorted(users)


def test_pauses_grow_to_a_bound() -> None:
    for attempts in range(40):
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempts)
        assert longest / 2 <= pause(attempts).total_seconds() <= longest
