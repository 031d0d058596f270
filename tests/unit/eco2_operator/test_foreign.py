"""Secrets and ConfigMaps that pods read, looked up."""

import pytest
from tests.unit.eco2_operator.fakes import NAMESPACE, Clock, FakeApi, child

from eco2_operator.build.references import Reference
from eco2_operator.cache import Cache
from eco2_operator.errors import Forbidden, Unavailable
from eco2_operator.foreign import FRESH_SECONDS, SourceReader
from eco2_operator.kinds import CONFIG_MAP, SECRET
from eco2_operator.naming import Manifest, Ref
from eco2_operator.sources import Contents

DB, APP = Reference("Secret", "db", "url"), Reference("ConfigMap", "app")
DB_REF = Ref("", "Secret", NAMESPACE, "db")


def digest(name: str, value: bytes) -> str:
    return f"{name}={value.decode()}"


class World:
    def __init__(self) -> None:
        self.api, self.cache, self.clock = FakeApi(), Cache(digest), Clock()
        self.reader = SourceReader(self.api, self.cache, digest=digest, clock=self.clock)

    async def contents(self, *references: Reference) -> Contents:
        return await self.reader.contents(NAMESPACE, references)

    def reads(self) -> list[Ref]:
        taken, self.api.reads = self.api.reads, []
        return taken


@pytest.fixture
def world() -> World:
    return World()


def secret(value: str = "Mg==", version: str = "") -> Manifest:
    metadata = {"resourceVersion": version} if version else {}
    return {**child(SECRET, "db", uid="s", ownerReferences=[], **metadata), "data": {"url": value}}


async def test_a_watched_secret_is_taken_from_the_cache_and_costs_nothing(world: World) -> None:
    world.cache.put(secret())
    assert await world.contents(DB) == {("Secret", "db"): {"url": f"{NAMESPACE}/db/url=2"}}
    assert world.reads() == []


async def test_another_one_is_read_once_whatever_refers_to_it(world: World) -> None:
    world.api.store(secret())
    for _ in range(2):
        found = await world.contents(DB, Reference("Secret", "db", "user"), Reference("Secret", "db"))
        assert found == {("Secret", "db"): {"url": f"{NAMESPACE}/db/url=2"}}
    assert world.reads() == [DB_REF]


async def test_what_was_read_is_forgotten_after_a_moment(world: World) -> None:
    assert await world.contents(DB) == {("Secret", "db"): None}
    world.api.store(secret())
    world.clock.turn(FRESH_SECONDS - 1)
    assert await world.contents(DB) == {("Secret", "db"): None}
    world.clock.turn(1)
    assert await world.contents(DB) == {("Secret", "db"): {"url": f"{NAMESPACE}/db/url=2"}}
    assert world.reads() == [DB_REF, DB_REF]


async def test_a_secret_that_gets_our_label_is_watched_and_when_it_goes_it_is_looked_for(world: World) -> None:
    assert await world.contents(DB) == {("Secret", "db"): None}
    world.cache.put(secret("Mw==", "5"))
    assert await world.contents(DB) == {("Secret", "db"): {"url": f"{NAMESPACE}/db/url=3"}}
    world.cache.remove(DB_REF)
    world.reads()
    assert await world.contents(DB) == {("Secret", "db"): None}
    assert world.reads() == [DB_REF]  # at once: what was known before is not believed any more


async def test_of_a_config_map_the_keys_are_told_and_nothing_of_the_values(world: World) -> None:
    found = child(CONFIG_MAP, "app", ownerReferences=[])
    world.api.store({**found, "data": {"a": "value"}, "binaryData": {"b": "AA=="}})
    assert await world.contents(APP) == {("ConfigMap", "app"): {"a": "", "b": ""}}


async def test_namespaces_are_told_apart(world: World) -> None:
    world.api.store(secret())
    await world.contents(DB)
    assert await world.reader.contents("other", [DB]) == {("Secret", "db"): None}


async def test_what_may_not_be_read_is_left_out_and_asked_for_again(world: World) -> None:
    world.api.failures["get", "Secret"] = Forbidden("no")
    assert await world.contents(DB, APP) == {("ConfigMap", "app"): None}
    del world.api.failures["get", "Secret"]
    assert await world.contents(DB, APP) == {("Secret", "db"): None, ("ConfigMap", "app"): None}


async def test_an_api_server_that_does_not_answer_is_an_error(world: World) -> None:
    world.api.failures["get", "Secret"] = Unavailable("down")
    with pytest.raises(Unavailable):
        await world.contents(DB, APP)


async def test_nothing_is_read_for_nothing(world: World) -> None:
    assert await world.contents() == {}
    assert world.reads() == []
