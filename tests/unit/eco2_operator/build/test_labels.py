from typing import Any

import pytest

from eco2_operator.build.context import Domain
from eco2_operator.build.labels import binding_metadata, domain_label, labels, metadata, role, selector
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import Resource
from eco2_operator.model.secret import EcoSecretBindingSpec, SecretKey
from eco2_operator.naming import Key


def domain(*, name: str = "scan", uid: str = "u1", **spec: Any) -> Domain:
    body = {"image": "eco2:1", "port": 8000} | spec
    return Resource(Key("EcoDomain", "ns", name), uid, 1, {}, EcoDomainSpec(**body))


def test_the_selector_holds_the_name_and_the_domain_and_nothing_else() -> None:
    assert selector(domain(domain="user", tier="data", role="api")) == {
        "app.kubernetes.io/name": "scan",
        "domain": "user",
    }


def test_the_domain_is_the_name_unless_it_is_given() -> None:
    assert domain_label(domain()) == "scan"
    assert domain_label(domain(domain="user")) == "user"


@pytest.mark.parametrize(
    ("workload", "given", "expected"),
    [("service", None, "api"), ("worker", None, "worker"), ("worker", "messaging", "messaging")],
)
def test_the_role_follows_the_workload_unless_it_is_given(workload: str, given: str | None, expected: str) -> None:
    assert role(domain(workload=workload, role=given)) == expected


@pytest.mark.parametrize(
    ("tier", "part_of"),
    [
        ("business-logic", "ecoeco-backend"),
        ("data", "ecoeco-backend"),
        ("observability", "ecoeco-backend"),
        ("infrastructure", "ecoeco-platform"),
    ],
)
def test_the_tier_decides_what_a_domain_is_part_of(tier: str, part_of: str) -> None:
    assert labels(domain(tier=tier))["app.kubernetes.io/part-of"] == part_of


def test_metadata_names_the_owner_and_an_offline_render_has_none() -> None:
    owned = metadata(domain(), annotations={"b": "2", "a": "1"})
    assert [owner["uid"] for owner in owned["ownerReferences"]] == ["u1"]
    assert list(owned["annotations"]) == ["a", "b"]
    offline = metadata(domain(uid=""), "access")
    assert "ownerReferences" not in offline
    assert "annotations" not in offline
    assert offline["labels"]["app.kubernetes.io/component"] == "access"


def test_what_a_binding_makes_belongs_to_no_tier() -> None:
    spec = EcoSecretBindingSpec(keys=[SecretKey(name="A", parameter="/a")])
    made = binding_metadata(Resource(Key("EcoSecretBinding", "ns", "scan"), "u1", 1, {}, spec))
    assert made["labels"] == {
        "app.kubernetes.io/name": "scan",
        "app.kubernetes.io/component": "secret",
        "app.kubernetes.io/part-of": "ecoeco-backend",
        "app.kubernetes.io/managed-by": "eco2-operator",
    }
    assert [(owner["kind"], owner["uid"]) for owner in made["ownerReferences"]] == [("EcoSecretBinding", "u1")]
