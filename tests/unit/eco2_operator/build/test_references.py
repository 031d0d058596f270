"""What pods read, from the pod and from the spec."""

from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import eco_domain

from eco2_operator.build.pod_template import pod_template
from eco2_operator.build.references import Reference, read_by, references
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import parse


def variable(source: str, **reference: Any) -> dict[str, Any]:
    return {"name": source.upper(), "valueFrom": {source: reference}}


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        ({"env": [{"name": "A", "value": "1"}]}, []),
        ({"env": [variable("fieldRef", fieldPath="metadata.name")]}, []),
        ({"env": [variable("secretKeyRef", name="db", key="url")]}, [Reference("Secret", "db", "url")]),
        (
            {"env": [variable("configMapKeyRef", name="app", key="mode", optional=True)]},
            [Reference("ConfigMap", "app", "mode", optional=True)],
        ),
        ({"envFrom": [{"secretRef": {"name": "db"}}]}, [Reference("Secret", "db")]),
        ({"envFrom": [{"configMapRef": {"name": "app"}, "prefix": "P_"}]}, [Reference("ConfigMap", "app")]),
        ({"env": None, "envFrom": None}, []),
    ],
)
def test_containers_of_every_sort_read(pod: Any, expected: list[Reference]) -> None:
    for group in ("containers", "initContainers"):
        assert list(references({group: [{"name": "a", **pod}, {"name": "b", **pod}]})) == expected


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ({"emptyDir": {}}, []),
        ({"secret": {"secretName": "tls"}}, [Reference("Secret", "tls")]),
        ({"secret": {"secretName": "tls", "items": [{"key": "a"}, {"key": "b"}], "optional": True}}, None),
        ({"configMap": {"name": "app", "items": [{"key": "a"}]}}, [Reference("ConfigMap", "app", "a")]),
    ],
)
def test_volumes_read(volume: Any, expected: list[Reference] | None) -> None:
    optional = [Reference("Secret", "tls", key, optional=True) for key in "ab"]
    assert list(references({"volumes": [{"name": "v", **volume}]})) == (optional if expected is None else expected)


def test_a_pod_that_reads_nothing() -> None:
    assert references({}) == ()


def test_a_reference_in_words() -> None:
    assert str(Reference("Secret", "db", "url")) == "key url of Secret db"
    assert str(Reference("ConfigMap", "app")) == "ConfigMap app"


SPEC: dict[str, Any] = {
    "env": [variable("secretKeyRef", name="env", key="a"), variable("configMapKeyRef", name="no", key="a")],
    "envFrom": [{"secretRef": {"name": "env-from"}}, {"configMapRef": {"name": "no"}}],
    "secrets": [{"name": "bound"}, {"name": "bound-files", "as": "files"}],
    "files": [{"secret": "file", "mountPath": "/f"}, {"configMap": "no", "mountPath": "/g"}],
    "pod": {
        "initContainers": [{"name": "i", "image": "i:1", "env": [variable("secretKeyRef", name="init", key="a")]}],
        "sidecars": [{"name": "s", "image": "s:1", "envFrom": [{"secretRef": {"name": "sidecar"}}]}],
    },
}
READ = {"env", "env-from", "bound", "bound-files", "file", "init", "sidecar"}


def test_by_the_spec_every_secret_of_the_pods_is_known_beforehand() -> None:
    assert read_by(SPEC) == READ
    template = pod_template(parse(eco_domain(**SPEC), EcoDomainSpec), {})
    assert {each.name for each in references(template["spec"]) if each.kind == "Secret"} == READ


def test_by_the_spec_those_of_the_migration_too() -> None:
    env = [variable("secretKeyRef", name="admin", key="a")]
    assert read_by({"migrations": {"command": ["x"], "env": env}}) == {"admin"}
    assert read_by({}) == set()
