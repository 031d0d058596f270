"""Golden cases of what an EcoSecretBinding makes: one YAML file per behaviour. A case is its specification.

    description: what the case shows
    input: the EcoSecretBinding
    context: served (names of optional kinds, default all), prefixes, data (key: text), external (the ExternalSecret
        there is)   (all optional)
    expect: the manifests, in order of their kind; nothing else may be made

``GOLDEN_UPDATE=1`` (``make golden``) rewrites ``expect``, which is the last key of a file.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.golden import judged, load

from eco2_operator.build import external_secret, secret
from eco2_operator.build.context import OPTIONAL_NAMES
from eco2_operator.build.secret_context import SecretContext, backend
from eco2_operator.model.resource import parse
from eco2_operator.model.secret import EcoSecretBindingSpec
from eco2_operator.naming import SELECTOR, Manifest

FOLDER = Path(__file__).parent
CASES = sorted((FOLDER / "secret").glob("*.yaml"))
CRD = FOLDER.parent / "support" / "crds" / "external-secrets.yaml"


def made(case: dict[str, Any]) -> list[Manifest]:
    given = case.get("context") or {}
    binding = parse(case["input"], EcoSecretBindingSpec)
    ctx = SecretContext(
        backend=backend(binding.spec, frozenset(given.get("served", OPTIONAL_NAMES))),
        prefixes=tuple(given.get("prefixes", ("/eco2/dev/",))),
        data={name: text.encode() for name, text in given.get("data", {}).items()},
        external=given.get("external"),
    )
    built = (external_secret.build(binding, ctx), secret.build(binding, ctx))
    return [manifest for manifest in built if manifest is not None]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    found, expected = judged(path, made)
    assert found == expected


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_case_says_what_it_shows_and_spells_its_keys(path: Path) -> None:
    case = load(path)
    assert len(case["description"]) > 20
    assert {"description", "input", "expect"} <= set(case) <= {"description", "input", "context", "expect"}
    assert set(case.get("context") or {}) <= {"served", "prefixes", "data", "external"}


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_watch_sees_every_secret_whoever_writes_it(path: Path) -> None:
    label, _, value = SELECTOR.partition("=")
    for manifest in load(path)["expect"]:
        assert manifest["metadata"]["labels"][label] == value
        if manifest["kind"] == "ExternalSecret":
            template = manifest["spec"]["target"]["template"]
            assert template["metadata"]["labels"] == manifest["metadata"]["labels"]
            assert "data" not in template, "a template with data would replace the keys"
            assert not any("{{" in text for text in template["metadata"]["labels"].values())


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_schema_of_external_secrets_knows_every_field_and_adds_nothing_to_lists(path: Path) -> None:
    for manifest in load(path)["expect"]:
        if manifest["kind"] == "ExternalSecret":
            assert list(_strangers(manifest["spec"], _schema()["properties"]["spec"], "spec", in_list=False)) == []


def test_no_secret_holds_more_than_it_was_given() -> None:
    for path in CASES:
        case = load(path)
        for manifest in case["expect"]:
            if manifest["kind"] == "Secret":
                assert set(manifest["data"]) == set(case["context"]["data"])


def _schema() -> dict[str, Any]:
    versions = yaml.safe_load(CRD.read_text())["spec"]["versions"]
    schema: dict[str, Any] = next(v for v in versions if v["name"] == "v1")["schema"]["openAPIV3Schema"]
    return schema


def _strangers(value: Any, schema: dict[str, Any], path: str, *, in_list: bool) -> Iterator[str]:
    """Fields that break the schema, and below atomic lists the defaults that the server would add."""
    if isinstance(value, dict):
        if "additionalProperties" in schema:
            return
        known = schema.get("properties", {})
        yield from (f"{path}.{name} is unknown" for name in value.keys() - known.keys())
        yield from (f"{path}.{name} is required" for name in set(schema.get("required", ())) - value.keys())
        if in_list:
            yield from (f"{path}.{n} has a default" for n, s in known.items() if "default" in s and n not in value)
        for name in value.keys() & known.keys():
            yield from _strangers(value[name], known[name], f"{path}.{name}", in_list=in_list)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strangers(item, schema["items"], f"{path}[{index}]", in_list=True)
    else:
        if value not in schema.get("enum", [value]):
            yield f"{path} is none of {schema['enum']}"
        if not re.search(schema.get("pattern", ""), str(value)):
            yield f"{path} does not match {schema['pattern']}"
