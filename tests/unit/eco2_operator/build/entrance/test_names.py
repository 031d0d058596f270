import pytest
from support.specimens import entrance

from eco2_operator.build.entrance.names import (
    entrance_id,
    gateway_key,
    inside,
    outside,
    shared,
    token_header,
)
from eco2_operator.naming import Key, owner_key


def test_an_object_in_the_gateways_namespace_says_by_annotation_whose_it_is() -> None:
    metadata = outside(entrance(gateway={"namespace": "edge"}))
    assert (metadata["namespace"], metadata["name"]) == ("edge", "platform-system-api")
    assert "ownerReferences" not in metadata
    assert owner_key({"metadata": metadata}) == Key("EcoIngress", "platform-system", "api")


def test_so_it_does_when_the_gateway_is_in_the_entrances_own_namespace() -> None:
    assert "ownerReferences" not in outside(entrance(gateway={"namespace": "platform-system"}))


def test_an_object_in_its_own_namespace_is_collected_with_it() -> None:
    metadata = inside(entrance())
    assert (metadata["namespace"], metadata["name"]) == ("platform-system", "api")
    (reference,) = metadata["ownerReferences"]
    assert (reference["kind"], reference["uid"], reference["controller"]) == (
        "EcoIngress",
        "uid-of-platform-system-api",
        True,
    )
    assert "annotations" not in metadata


@pytest.mark.parametrize("metadata", [outside(entrance()), inside(entrance()), shared("edge", {"a": "b"})])
def test_everything_is_found_by_our_label(metadata: dict[str, dict[str, str]]) -> None:
    assert metadata["labels"]["app.kubernetes.io/managed-by"] == "eco2-operator"
    assert metadata["labels"]["app.kubernetes.io/component"] == "entrance"
    assert metadata["labels"]["app.kubernetes.io/part-of"] == "ecoeco-backend"


def test_what_a_gateway_shares_belongs_to_its_key_whatever_the_order_of_the_labels() -> None:
    one, other = {"app": "proxy", "tier": "outer"}, {"tier": "outer", "app": "proxy"}
    assert shared("edge", one) == shared("edge", other)
    assert owner_key({"metadata": shared("edge", one)}) == gateway_key("edge", other)
    assert gateway_key("edge", one) not in (gateway_key("edge", {"app": "proxy"}), gateway_key("outer", one))


def test_an_entrance_made_again_under_its_name_is_another_one() -> None:
    assert entrance_id(entrance(name="a")) != entrance_id(entrance(name="b"))
    assert len(entrance_id(entrance())) == 12
    assert token_header(entrance()) == f"x-eco2-token-{entrance_id(entrance())}"
