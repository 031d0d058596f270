"""Keys of several processes, as the seasons go: published, signing, gone."""

import asyncio
import json
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.auth import REFRESH_TTL, Clock
from support.postgres import running

from eco2_auth.errors import KeysUnavailable
from eco2_auth.keys.bundle import read_bundle
from eco2_auth.keys.choice import MATURE_SECONDS
from eco2_auth.keys.jwks import document, is_known
from eco2_auth.keys.ring import FRESH_SECONDS, LEASE_SECONDS, KeyRing
from eco2_auth.keys.store import UNSEEN, KeyStore
from eco2_service.database import Database, DatabaseUnavailable
from eco2_service.migrations import upgrade

LIFETIME = REFRESH_TTL + 5


@pytest.fixture
def store(database: Database) -> KeyStore:
    return KeyStore(database)


class Pods:
    """Processes with bundles."""

    def __init__(self, store: KeyStore, clock: Clock, pems: tuple[str, ...]) -> None:
        self.store = store
        self.clock = clock
        self.pems = pems
        self.kids = [read_bundle(pem)[0].kid for pem in pems]

    async def start(self, *numbers: int) -> KeyRing:
        bundle = read_bundle("".join(self.pems[number] for number in numbers))
        ring = KeyRing(bundle, self.store, lifetime=LIFETIME, clock=self.clock)
        await ring.refresh()
        return ring

    def signer(self, ring: KeyRing) -> int:
        return self.kids.index(str(ring.signer().kid))

    async def published(self, ring: KeyRing) -> list[int]:
        keys: list[dict[str, Any]] = json.loads((await ring.document()).body)["keys"]
        return [self.kids.index(key["kid"]) for key in keys]


@pytest.fixture
def pods(store: KeyStore, clock: Clock, pems: tuple[str, str, str]) -> Pods:
    return Pods(store, clock, pems)


async def test_the_first_key_of_all_signs_at_once(pods: Pods) -> None:
    with capture_logs() as logs:
        ring = await pods.start(0)
    assert pods.signer(ring) == 0
    assert [line["event"] for line in logs] == ["signing_key"]
    assert "PRIVATE" not in str(logs)
    await ring.check()


async def test_a_rotation_with_overlap(pods: Pods, clock: Clock) -> None:
    old = await pods.start(0)
    clock.pass_(86_400)
    new = await pods.start(1, 0)
    await old.refresh()
    assert (pods.signer(old), pods.signer(new)) == (0, 0)
    clock.pass_(FRESH_SECONDS)
    assert await pods.published(old) == await pods.published(new) == [0, 1]
    clock.pass_(MATURE_SECONDS - FRESH_SECONDS - 1)
    assert pods.signer(new) == 0
    clock.pass_(1)
    assert pods.signer(new) == 1  # by itself: `refresh` noted beforehand that it may
    assert await old.find(pods.kids[1]) is not None
    left = clock()
    new = await pods.start(1)
    clock.now = left + LIFETIME  # the last that the old pod may have signed
    await new.refresh()
    assert await pods.published(new) == [0, 1]
    clock.pass_(LEASE_SECONDS + 1)
    await new.refresh()
    assert await pods.published(new) == [1]
    assert await new.find(pods.kids[0]) is None


async def test_a_key_replaced_at_once_signs_early_and_says_so(pods: Pods, clock: Clock) -> None:
    old = await pods.start(0)
    clock.pass_(60)
    with capture_logs() as logs:
        new = await pods.start(1)
    assert [(line["event"], line["kid"]) for line in logs] == [("signing_key_early", pods.kids[1])]
    assert pods.signer(new) == 1
    found = await old.find(pods.kids[1])  # not in its memory yet, but it looks
    assert found is not None
    assert found.kid == pods.kids[1]


async def test_keys_that_nobody_knows_are_looked_for_now_and_then_only(
    pods: Pods, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = await pods.start(0)
    asked = 0
    published = pods.store.published

    async def counted(now: float) -> Any:
        nonlocal asked
        asked += 1
        return await published(now)

    monkeypatch.setattr(pods.store, "published", counted)
    clock.pass_(FRESH_SECONDS)
    assert await asyncio.gather(*(ring.find(f"unknown-{number}") for number in range(20))) == [None] * 20
    assert await ring.find(None) is None
    assert await ring.find(pods.kids[0]) is not None
    assert asked == 1
    clock.pass_(FRESH_SECONDS)
    await asyncio.gather(*(ring.document() for _ in range(20)))
    assert asked == 2


async def test_a_bundle_that_is_taken_back(pods: Pods, clock: Clock) -> None:
    first = await pods.start(0)
    clock.pass_(60)
    await pods.start(0, 1)
    clock.pass_(UNSEEN.total_seconds() - 1)
    await first.refresh()
    assert await pods.published(first) == [0, 1]
    clock.pass_(2)
    await first.refresh()
    assert await pods.published(first) == [0]  # it never signed
    again = await pods.start(1, 0)
    assert pods.signer(again) == 0  # published anew: it has to wait anew
    assert again.own(pods.kids[1]) is not None
    assert again.own(None) is None


async def test_a_key_waits_longer_by_the_time_that_no_process_ran(pods: Pods, clock: Clock) -> None:
    await pods.start(0)
    clock.pass_(86_400)
    before = await pods.start(1, 0)
    clock.pass_(60)
    await before.refresh()
    clock.pass_(2 * MATURE_SECONDS)  # no process ran: nobody could read the second key
    both = await asyncio.gather(pods.start(1, 0), pods.start(1, 0))
    for after in both:
        await after.refresh()
        assert pods.signer(after) == 0
        assert await pods.published(after) == [0, 1]
    clock.pass_(MATURE_SECONDS - 60)
    assert [pods.signer(after) for after in both] == [1, 1]


async def test_keys_that_nobody_knew_yet_keep_their_order(pods: Pods, clock: Clock) -> None:
    await pods.start(0)
    clock.pass_(60)
    await pods.start(1, 0)
    clock.pass_(2 * MATURE_SECONDS)
    assert pods.signer(await pods.start(1, 0)) == 0


async def test_a_database_that_is_slow_to_fail_is_asked_now_and_then_only(
    pods: Pods, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = await pods.start(0)
    before = await ring.document()
    asked = 0

    async def fail(_now: float) -> Any:
        nonlocal asked
        asked += 1
        clock.pass_(2 * FRESH_SECONDS)  # until its limit of time
        raise DatabaseUnavailable

    monkeypatch.setattr(pods.store, "published", fail)
    clock.pass_(FRESH_SECONDS)
    assert await asyncio.gather(*(ring.document() for _ in range(20))) == [before] * 20
    assert asked == 1


async def test_the_names_of_all_processes_together_are_in_one_order(pods: Pods, clock: Clock) -> None:
    rings = await asyncio.gather(pods.start(0, 1, 2), pods.start(2, 1, 0), pods.start(1))
    clock.pass_(FRESH_SECONDS)
    documents = {(await ring.document()).body for ring in rings}
    assert len(documents) == 1


async def test_without_the_database(clock: Clock, pems: tuple[str, ...]) -> None:
    with running() as server:
        await asyncio.to_thread(upgrade, "eco2_auth", server.url())
        database = Database(server.url(), name="test", pool_size=2, timeout=2)
        pods = Pods(KeyStore(database), clock, pems)
        ring = await pods.start(0)
        before = await ring.document()
        await asyncio.to_thread(server.stop)
        fresh = KeyRing(read_bundle(pems[0]), pods.store, lifetime=LIFETIME, clock=clock)
        with pytest.raises(KeysUnavailable):  # one that starts now knows nothing
            await fresh.document()
        with pytest.raises(KeysUnavailable):
            fresh.signer()
        with pytest.raises(KeysUnavailable):
            await fresh.find("any")
        clock.pass_(FRESH_SECONDS)
        assert await ring.document() == before
        assert await ring.find("unknown") is None
        clock.pass_(LEASE_SECONDS - FRESH_SECONDS - 1)
        assert pods.signer(ring) == 0
        clock.pass_(1)
        with pytest.raises(KeysUnavailable):  # how long its tokens live would be written nowhere
            ring.signer()
        await asyncio.to_thread(server.start)
        await ring.refresh()
        assert pods.signer(ring) == 0
        await database.close()


def test_who_has_the_document_need_not_read_it_again() -> None:
    keys = document([{"kid": "a"}])
    assert keys.etag == document([{"kid": "a"}]).etag != document([]).etag
    for header in (keys.etag, f"W/{keys.etag}", f'"other", {keys.etag}', "*"):
        assert is_known(header, keys)
    for header in (None, "", '"other"', keys.etag.strip('"')):
        assert not is_known(header, keys)
