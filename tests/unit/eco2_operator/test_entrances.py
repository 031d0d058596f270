"""EcoIngresses as the cache has them: parsed once, with the hosts they have."""

import pytest
from tests.unit.eco2_operator.reconcile.entrance_world import ALLOWED, HOST, KEY, ingress, ref_of

from eco2_operator import entrances as module
from eco2_operator.cache import Cache
from eco2_operator.entrances import Entrances, without_spec
from eco2_operator.errors import InvalidSpec
from eco2_operator.naming import Key, Manifest

BROKEN = [{"path": "no slash", "deny": True}]


def there(obj: Manifest, version: str = "1", created: str = "2026-01-01T00:00:00Z") -> Manifest:
    obj["metadata"] |= {"resourceVersion": version, "generation": int(version), "creationTimestamp": created}
    return obj


class World:
    def __init__(self, *objects: Manifest) -> None:
        self.cache = Cache()
        for obj in objects:
            self.cache.put(obj)
        self.entrances = Entrances(self.cache, ALLOWED)

    def hosts(self, key: Key = KEY) -> tuple[str, ...]:
        return self.entrances.claims(self.cache.get(ref_of(key)) or {}).hosts


def test_it_is_parsed_once_for_each_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[Manifest] = []
    parse = module.parse
    monkeypatch.setattr(module, "parse", lambda obj, spec: parsed.append(obj) or parse(obj, spec))
    first = there(ingress())
    world = World(first)
    assert world.entrances.parse(KEY, first) is world.entrances.parse(KEY, first)
    assert len(parsed) == 1
    assert world.entrances.parse(KEY, there(ingress(hosts=["x.org"]), "2")).spec.hosts == ["x.org"]
    suspended = there(ingress(), "2")
    suspended["metadata"]["annotations"] = {"eco2.growbin.app/suspend": "true"}
    assert world.entrances.parse(KEY, suspended).suspended
    world.entrances.forget(KEY)
    world.entrances.parse(KEY, first)
    assert len(parsed) == 4


def test_one_that_cannot_be_understood_is_told_of_and_claims_nothing() -> None:
    older = there(ingress("old", routes=BROKEN), created="2020-01-01T00:00:00Z")
    world = World(there(ingress()), older)
    assert world.hosts() == (HOST,)
    assert [entrance is None for _, entrance in world.entrances.all()] == [False, True]
    with pytest.raises(InvalidSpec):
        world.entrances.parse(Key("EcoIngress", "web", "old"), older)


def test_hosts_are_judged_with_all_who_want_them() -> None:
    older = there(ingress("old", "shop", hosts=[HOST, "x.org"]), created="2020-01-01T00:00:00Z")
    world = World(there(ingress()), older)
    assert world.hosts() == ()
    assert world.hosts(Key("EcoIngress", "shop", "old")) == (HOST, "x.org")


def test_one_that_goes_keeps_its_hosts_until_it_is_gone_and_a_suspended_one_keeps_them_too() -> None:
    older = there(ingress("old", suspend=True), created="2020-01-01T00:00:00Z")
    older["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    world = World(there(ingress()), older)
    assert world.hosts() == ()
    world.cache.remove(ref_of(Key("EcoIngress", "web", "old")))
    assert world.hosts() == (HOST,)


def test_without_its_spec_it_is_still_itself() -> None:
    found = without_spec(there(ingress(routes=BROKEN)))
    assert (found.key, found.uid) == (KEY, "uid-of-web-api")
