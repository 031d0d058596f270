import re

import pytest

from eco2_operator.naming import (
    MAX_LABEL,
    OWNER_ANNOTATION,
    Key,
    Manifest,
    Ref,
    child_name,
    controller_of,
    owner_key,
    owner_reference,
)

KEY = Key("EcoDomain", "scan", "scan")


def child(**metadata: object) -> Manifest:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "scan", "namespace": "scan", **metadata}}


def test_a_child_is_named_like_its_resource_plus_what_tells_it_apart() -> None:
    assert child_name("scan") == "scan"
    assert child_name("scan", "migrate", "0a1b2c3d") == "scan-migrate-0a1b2c3d"


def test_a_name_of_63_characters_stays_as_it_is() -> None:
    assert child_name("a" * 63) == "a" * 63
    assert child_name("a" * 58, "jobs") == f"{'a' * 58}-jobs"


@pytest.mark.parametrize("length", [64, 100, 253])
def test_a_longer_name_is_cut_and_stays_distinct(length: int) -> None:
    one, other = child_name("a" * length), child_name("a" * (length - 1) + "b")
    assert len(one) == len(other) == MAX_LABEL
    assert one != other
    assert one == child_name("a" * length)


def test_the_cut_never_leaves_a_dash_or_dot_before_the_hash() -> None:
    for name in ("a" * 53 + "-" * 20, "a" * 53 + ".b.c.d.e.f.g.h"):
        assert re.fullmatch(r"a+-[0-9a-f]{8}", child_name(name))


def test_a_reference_leaves_the_version_out() -> None:
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "ns"}}
    assert Ref.of(deployment) == Ref("apps", "Deployment", "ns", "a")
    assert Ref.of({**deployment, "apiVersion": "apps/v2"}) == Ref.of(deployment)
    assert Ref.of(child()) == Ref("", "Service", "scan", "scan")
    assert Ref.of({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}).namespace == ""
    assert str(Ref.of(deployment)) == "Deployment ns/a"


def test_a_child_leads_back_to_its_owner() -> None:
    owned = child(ownerReferences=[{"kind": "X", "uid": "x"}, owner_reference(KEY, "u1")])
    controller = controller_of(owned)
    assert controller is not None
    assert controller["uid"] == "u1"
    assert owner_key(owned) == KEY
    assert str(KEY) == "EcoDomain/scan/scan"


def test_a_child_elsewhere_leads_back_by_its_annotation() -> None:
    assert owner_key(child(namespace="istio-ingress", annotations={OWNER_ANNOTATION: str(KEY)})) == KEY


@pytest.mark.parametrize("owner", ["", "EcoDomain", "EcoDomain/scan", "EcoDomain//scan", "//", "EcoDomain/scan/"])
def test_a_broken_annotation_leads_nowhere(owner: str) -> None:
    assert owner_key(child(annotations={OWNER_ANNOTATION: owner})) is None


def test_the_child_of_another_controller_is_not_ours() -> None:
    foreign = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "a", "uid": "u2", "controller": True}
    assert owner_key(child(ownerReferences=[foreign])) is None
    assert controller_of(child()) is None
    assert controller_of(child(ownerReferences=None)) is None
    assert owner_key(child(annotations=None)) is None


def test_a_reference_without_controller_is_no_controller() -> None:
    assert controller_of(child(ownerReferences=[{**owner_reference(KEY, "u1"), "controller": False}])) is None
