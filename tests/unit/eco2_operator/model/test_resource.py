"""A resource from its JSON form."""

from typing import Any

import pytest

from eco2_operator.errors import InvalidSpec
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import parse
from eco2_operator.naming import Key


def domain(*, metadata: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    wanted = {"image": "eco2", "port": 8000, **spec}
    return {"kind": "EcoDomain", "metadata": {"name": "scan", **(metadata or {})}, "spec": wanted}


def test_the_parts_builders_use() -> None:
    resource = parse(domain(metadata={"namespace": "scan", "uid": "u", "generation": 3}), EcoDomainSpec)
    assert resource.key == Key("EcoDomain", "scan", "scan")
    assert (resource.name, resource.namespace, resource.uid, resource.generation) == ("scan", "scan", "u", 3)
    assert resource.spec.port == 8000
    assert resource.restart is None


def test_only_annotations_of_ours_are_kept() -> None:
    annotations = {"eco2.growbin.app/restart": "1", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
    resource = parse(domain(metadata={"annotations": annotations}), EcoDomainSpec)
    assert resource.annotations == {"eco2.growbin.app/restart": "1"}
    assert resource.restart == "1"


@pytest.mark.parametrize(
    ("annotations", "suspend", "suspended"),
    [
        ({}, False, False),
        ({"eco2.growbin.app/suspend": "true"}, False, True),
        ({"eco2.growbin.app/suspend": "false"}, False, False),
        ({}, True, True),
    ],
)
def test_the_annotation_or_the_spec_suspends(annotations: dict[str, str], suspend: bool, suspended: bool) -> None:
    resource = parse(domain(metadata={"annotations": annotations}, suspend=suspend), EcoDomainSpec)
    assert resource.suspended is suspended


def test_every_fault_is_told_with_its_path() -> None:
    with pytest.raises(InvalidSpec) as caught:
        parse(domain(replcias=1, env=[{"name": "A"}, {"name": "2"}], health={"port": 1}), EcoDomainSpec)
    faults = str(caught.value).split("; ")
    assert [fault.partition(": ")[0] for fault in faults] == ["spec.env[1].name", "spec.health.port", "spec.replcias"]
    assert faults[-1] == "spec.replcias: unknown field"


def test_a_rule_names_the_field_it_is_about() -> None:
    with pytest.raises(InvalidSpec, match=r"^spec\.health\.port: health\.port must be the name of one of the ports"):
        parse(domain(health={"port": "grpc"}), EcoDomainSpec)


def test_values_are_never_repeated() -> None:
    with pytest.raises(InvalidSpec) as caught:
        parse(domain(env=[{"name": "A", "value": ["hunter2"]}, {"name": "hunter3!"}]), EcoDomainSpec)
    assert "hunter" not in str(caught.value)


def test_a_resource_without_a_spec_lacks_everything() -> None:
    with pytest.raises(InvalidSpec, match=r"spec\.image: Field required"):
        parse({"kind": "EcoDomain", "metadata": {"name": "scan"}}, EcoDomainSpec)
