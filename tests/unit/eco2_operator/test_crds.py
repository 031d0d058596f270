"""The definitions follow from the models, and keep what the API server needs to bound their cost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from eco2_operator import crds
from eco2_operator.model.base import VALIDATIONS, Model

ROOT = Path(__file__).parents[3]
FILES = {crd["spec"]["names"]["kind"]: ROOT / "crds" / f"{crd['metadata']['name']}.yaml" for crd in crds.all_crds()}
CASES = [
    case
    for file in sorted((ROOT / "tests" / "golden" / "admission").glob("*.yaml"))
    for case in yaml.safe_load_all(file.read_text(encoding="utf-8"))
]
Found = tuple[str, dict[str, Any]]

BY_THE_OPERATOR = {
    "EcoDomain": {
        "domain", "imagePullPolicy", "replicas", "autoscaling", "ports[].servicePort", "ports[].nodePort", "nodePort",
        "service", "service.externalTrafficPolicy", "role", "secrets[].keys", "secrets[].mountPath", "health",
        "health.port", "metrics", "metrics.port", "migrations.image", "migrations.env", "access", "access.ingress",
        "access.inbound[].namespace", "access.outbound[].namespace", "placement.node", "pdb", "serviceAccount",
    },
    "EcoIngress": {"gateway", "gateway.tls", "routes[].domain.namespace", "routes[].port", "auth", "alb", "cors"},
    "EcoSecretBinding": {"secretStoreRef", "region"},
}  # fmt: skip
"""Fields whose absence means that the operator decides: a default in the schema would decide for it."""


def schema(kind: str) -> dict[str, Any]:
    root: dict[str, Any] = crds.render(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return root


def walk(node: dict[str, Any], path: str = "") -> Iterator[Found]:
    """Every node below this one with its path: ``spec.env[].name``, ``spec.pod.labels{}``."""
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}".lstrip("."))
    if "items" in node:
        yield from walk(node["items"], f"{path}[]")
    if "additionalProperties" in node:
        yield from walk(node["additionalProperties"], f"{path}{{}}")


@pytest.mark.parametrize("kind", crds.KINDS)
def test_the_files_are_what_the_models_say(kind: str) -> None:
    wanted = crds.HEADER + crds.dump([crds.render(kind)])
    assert FILES[kind].read_text(encoding="utf-8") == wanted, "crds/ is out of date: run make crds"


def test_there_is_no_other_file() -> None:
    assert sorted((ROOT / "crds").iterdir()) == sorted(FILES.values())


def test_writing_makes_the_same_files(tmp_path: Path) -> None:
    written = crds.write(tmp_path / "crds")
    assert [file.name for file in written] == [file.name for file in FILES.values()]
    assert [file.read_text("utf-8") for file in written] == [f.read_text("utf-8") for f in FILES.values()]


def test_the_dump_is_the_definitions() -> None:
    assert list(yaml.safe_load_all(crds.dump(crds.all_crds()))) == crds.all_crds()


def bounded(node: dict[str, Any]) -> bool:
    """Whether the API server can say how large a value of this node may get."""
    if node.get("x-kubernetes-int-or-string"):
        return "maxLength" in node
    match node["type"]:
        case "array":
            return {"maxItems", "x-kubernetes-list-type"} <= node.keys()
        case "string":
            return bool(node.keys() & {"maxLength", "enum", "format"})
        case "object":
            return bool(node.keys() & {"properties", "maxProperties"})
        case other:
            return other in ("boolean", "integer")


@pytest.mark.parametrize("kind", crds.KINDS)
@pytest.mark.parametrize("part", ["spec", "status"])
def test_every_node_is_bounded(kind: str, part: str) -> None:
    found = list(walk(schema(kind)["properties"][part], part))
    assert len(found) > 10
    assert [path for path, node in found if not bounded(node)] == []


@pytest.mark.parametrize("kind", crds.KINDS)
def test_numbers_of_a_spec_have_a_range(kind: str) -> None:
    for path, node in walk(schema(kind)["properties"]["spec"], "spec"):
        if node.get("type") == "integer":
            assert {"minimum", "maximum"} <= node.keys(), path


@pytest.mark.parametrize("kind", crds.KINDS)
def test_every_property_has_a_description(kind: str) -> None:
    without = [
        f"{path}.{name}"
        for part in ("spec", "status")
        for path, node in walk(schema(kind)["properties"][part], part)
        for name, child in node.get("properties", {}).items()
        if not child.get("description", "").rstrip("`)").endswith(".")
    ]
    assert not without


@pytest.mark.parametrize("kind", crds.KINDS)
def test_the_keys_of_keyed_lists_are_required(kind: str) -> None:
    for path, node in walk(schema(kind)):
        if keys := node.get("x-kubernetes-list-map-keys"):
            assert node["x-kubernetes-list-type"] == "map", path
            assert set(keys) <= set(node["items"]["required"]), path


@pytest.mark.parametrize(
    ("kind", "path", "keys"),
    [
        ("EcoDomain", "spec.env", ["name"]),
        ("EcoDomain", "spec.ports", ["name"]),
        ("EcoDomain", "spec.migrations.env", ["name"]),
        ("EcoIngress", "spec.routes", ["path"]),
        ("EcoSecretBinding", "spec.keys", ["name"]),
        ("EcoDomain", "status.conditions", ["type"]),
    ],
)
def test_the_lists_of_the_contract_are_keyed(kind: str, path: str, keys: list[str]) -> None:
    assert dict(walk(schema(kind)))[path]["x-kubernetes-list-map-keys"] == keys


@pytest.mark.parametrize(
    ("kind", "path"), [(kind, path) for kind in BY_THE_OPERATOR for path in sorted(BY_THE_OPERATOR[kind])]
)
def test_what_the_operator_decides_has_no_default(kind: str, path: str) -> None:
    assert "default" not in dict(walk(schema(kind)))[f"spec.{path}"]


@pytest.mark.parametrize("kind", crds.KINDS)
def test_the_status_has_no_defaults_and_no_rules(kind: str) -> None:
    for path, node in walk(schema(kind)["properties"]["status"]):
        assert not node.keys() & {"default", VALIDATIONS}, path


@pytest.mark.parametrize("kind", crds.KINDS)
def test_names_and_columns_are_those_of_the_contract(kind: str) -> None:
    crd = crds.render(kind)
    names = crd["spec"]["names"]
    short = {"EcoDomain": "ecod", "EcoIngress": "ecoi", "EcoSecretBinding": "ecos"}[kind]
    assert names["shortNames"] == [short]
    assert names["categories"] == ["eco2"]
    version = crd["spec"]["versions"][0]
    assert version["subresources"] == {"status": {}}
    assert version["schema"]["openAPIV3Schema"]["required"] == ["spec"]
    columns = [column["name"] for column in version["additionalPrinterColumns"] if "priority" not in column]
    own = {"EcoDomain": ["Replicas", "Port", "Image"], "EcoIngress": ["Hosts", "Provider"]}
    assert columns == ["Ready", "Reason", *own.get(kind, ["Backend"]), "Age"]
    assert "Message" in [column["name"] for column in version["additionalPrinterColumns"]]


def test_a_keyword_that_structural_schemas_lack_is_refused() -> None:
    from pydantic import Field

    class Odd(Model):
        """Odd."""

        number: int = Field(multiple_of=3, description="A number.")

    with pytest.raises(ValueError, match="multipleOf"):
        crds.structural(Odd)


# The corpus of tests/golden/admission covers every rule and every field.


def messages(kind: str) -> set[str]:
    return {rule["message"] for _, node in walk(schema(kind)) for rule in node.get(VALIDATIONS, ())}


def test_every_rule_is_broken_by_some_case() -> None:
    errors = [" ".join(case.get("error", "").split()) for case in CASES]
    unbroken = {m for kind in crds.KINDS for m in messages(kind) if not any(m in error for error in errors)}
    assert not unbroken, "add a case to tests/golden/admission"


@pytest.mark.parametrize("kind", crds.KINDS)
def test_every_field_is_set_in_some_accepted_case(kind: str) -> None:
    spec = schema(kind)["properties"]["spec"]
    named: set[str] = set()
    for case in CASES:
        if case["kind"] == kind and case.get("accepted"):
            named.update(used(case["spec"], spec))
    known = {path for path, _ in walk(spec, "spec") if not path.endswith(("[]", "{}"))}
    assert known - named == set(), "add these to tests/golden/admission/accepted.yaml"


def used(value: Any, node: dict[str, Any], path: str = "spec") -> Iterator[str]:
    """The schema paths that a value sets."""
    yield path
    if isinstance(value, list):
        for entry in value:
            yield from used(entry, node["items"], f"{path}[]")
    elif isinstance(value, dict):
        for name, entry in value.items():
            if "properties" in node:
                yield from used(entry, node["properties"][name], f"{path}.{name}")


def test_cases_are_well_formed() -> None:
    allowed = {"description", "kind", "name", "spec", "before", "error", "offline", "accepted"}
    for case in CASES:
        assert case.keys() <= allowed, case["description"]
        assert ("error" in case) != case.get("accepted", False), case["description"]
    descriptions = [(case["kind"], case["description"]) for case in CASES]
    assert len(set(descriptions)) == len(descriptions)
