"""The specs that were Ready, in ControllerRevisions."""

from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import DOMAIN_UID, KEY, NAMESPACE, FakeApi, eco_domain

from eco2_operator.cache import Cache
from eco2_operator.errors import Conflict
from eco2_operator.kinds import CONTROLLER_REVISION
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import parse
from eco2_operator.naming import Manifest, Ref, owner_reference
from eco2_operator.reconcile.history import History


class World:
    def __init__(self) -> None:
        self.api, self.cache = FakeApi(), Cache()
        self.history = History(self.api, self.cache)

    async def record(self, image: str, *, uid: str = DOMAIN_UID) -> None:
        obj = eco_domain(image=image, uid=uid)
        await self.history.record(parse(obj, EcoDomainSpec), obj["spec"])

    def revisions(self) -> list[tuple[int, str]]:
        """(number, image) of what is stored, the newest last."""
        kept = [obj for ref, obj in self.api.objects.items() if ref.kind == "ControllerRevision"]
        return sorted((obj["revision"], obj["data"]["spec"]["image"]) for obj in kept)

    def stored(self) -> Manifest:
        (found,) = [obj for ref, obj in self.api.objects.items() if ref.kind == "ControllerRevision"]
        return found


@pytest.fixture
def world() -> World:
    return World()


A, B, C = "eco2:scan-1", "eco2:scan-2", "eco2:scan-3"


async def test_a_revision_holds_what_can_be_applied_again(world: World) -> None:
    await world.record(A)
    found = world.stored()
    spec = eco_domain(image=A)["spec"]
    assert found["data"] == {
        "apiVersion": "eco2.growbin.app/v1alpha1",
        "kind": "EcoDomain",
        "metadata": {"name": "scan", "namespace": NAMESPACE},
        "spec": spec,
    }
    assert found["revision"] == 1
    assert found["metadata"]["name"].startswith("scan-")
    assert len(found["metadata"]["name"]) == len("scan-") + 8
    assert found["metadata"]["labels"]["app.kubernetes.io/component"] == "workload"
    assert found["metadata"]["ownerReferences"] == [owner_reference(KEY, DOMAIN_UID)]


async def test_the_same_spec_is_recorded_once(world: World) -> None:
    for _ in range(3):
        await world.record(A)
    assert len(world.api.writes) == 1
    assert world.api.reads == []


async def test_two_are_kept_and_the_newest_has_the_highest_number(world: World) -> None:
    for image in (A, B, C):
        await world.record(image)
    assert world.revisions() == [(2, B), (3, C)]
    assert len(world.cache.owned(KEY)) == 2


async def test_going_back_gives_an_earlier_one_a_new_number_and_makes_nothing(world: World) -> None:
    for image in (A, B, A):
        await world.record(image)
    assert world.revisions() == [(2, B), (3, A)]
    assert world.api.written("delete") == []
    await world.record(C)
    assert world.revisions() == [(3, A), (4, C)]


async def test_after_a_restart_nothing_is_written(world: World) -> None:
    await world.record(A)
    world.history = History(world.api, world.cache)
    await world.record(A)
    assert len(world.api.writes) == 1


async def test_a_revision_that_lost_its_label_is_found_and_taken_up(world: World) -> None:
    await world.record(A)
    world.cache.remove(Ref.of(world.stored()))
    await world.record(A)
    assert world.revisions() == [(1, A)]
    await world.record(A)
    assert len(world.api.reads) == 1


@pytest.mark.parametrize("owner", [None, [], [owner_reference(KEY, "uid-of-an-earlier-scan")]])
async def test_an_object_of_somebody_else_is_not_taken_up(world: World, owner: Any) -> None:
    await world.record(A)
    ref = Ref.of(world.stored())
    world.cache.remove(ref)
    world.api.edit(ref, {("metadata", "ownerReferences"): owner})
    before = world.stored()
    with pytest.raises(Conflict):
        await world.record(A)
    assert world.stored() == before


async def test_revisions_of_an_earlier_domain_of_the_name_do_not_count(world: World) -> None:
    await world.record(B, uid="uid-of-an-earlier-scan")
    await world.record(A)
    assert world.revisions() == [(1, A), (1, B)]
    assert world.api.written("delete") == []


def test_the_kind_is_the_one_of_apps() -> None:
    assert CONTROLLER_REVISION.api_version == "apps/v1"
