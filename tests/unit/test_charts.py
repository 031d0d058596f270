"""The charts' files: what is generated is true, and every value is documented, checked and has its default."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from eco2_operator import crds, rbac

ROOT = Path(__file__).parents[2]
CHARTS = ROOT / "charts"
NAMES = ("eco2-operator", "eco2-operator-crds", "eco2-authz")
WITHOUT_MEANING = {"global", "enabled"}
"""For charts that have this one in them."""


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("chart_files", CHARTS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = load()
GENERATED: dict[str, str] = dict(generate.files())


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_file_is_true(name: str) -> None:
    assert (CHARTS / name).read_text() == GENERATED[name], "make crds"


def test_no_generated_file_is_left_over() -> None:
    found = {path.relative_to(CHARTS).as_posix() for path in CHARTS.glob("*/files/crds/*")}
    assert found == {name for name in GENERATED if "/crds/" in name}


def test_the_definitions_are_those_of_the_repository() -> None:
    for path in (ROOT / "crds").glob("*.yaml"):
        assert GENERATED[f"eco2-operator/files/crds/{path.name}"] == path.read_text()
        assert GENERATED[f"eco2-operator-crds/files/crds/{path.name}"] == path.read_text()
    assert len(list((ROOT / "crds").glob("*.yaml"))) == len(list(crds.all_crds()))


def test_as_a_program_it_writes_them(tmp_path: Path) -> None:
    generate.write(tmp_path, GENERATED.items())
    assert yaml.safe_load((tmp_path / "eco2-operator" / "files" / "rbac.yaml").read_text()) == rbac.chart_rules()


def values(chart: str) -> Any:
    return yaml.safe_load((CHARTS / chart / "values.yaml").read_text())


def schema(chart: str) -> Any:
    return json.loads((CHARTS / chart / "values.schema.json").read_text())


def resolved(node: Any, definitions: Any) -> Any:
    return definitions[node["$ref"].rpartition("/")[2]] if "$ref" in node else node


def undocumented(data: Any, documented: set[str], prefix: str = "") -> list[str]:
    missing = []
    for name, below in data.items():
        path = f"{prefix}{name}"
        if path not in documented:
            missing += undocumented(below, documented, f"{path}.") if isinstance(below, dict) and below else [path]
    return missing


@pytest.mark.parametrize("chart", NAMES)
def test_every_value_is_documented(chart: str) -> None:
    documented = {path for path, _, _ in generate.values(chart)}
    assert undocumented(values(chart), documented) == []
    readme = (CHARTS / chart / "README.md").read_text()
    assert all(f"| `{path}` |" in readme for path in documented)


def unequal(data: Any, node: Any, definitions: Any, path: str) -> list[str]:
    """Values without a schema, or a schema without a value."""
    node = resolved(node, definitions)
    if "properties" not in node or path in (".settings", ".resources", ".affinity"):
        return []
    names = node["properties"].keys() - (WITHOUT_MEANING if not path else set())
    found = [f"{path}.{name}" for name in names ^ data.keys()]
    for name in names & data.keys():
        found += unequal(data[name], node["properties"][name], definitions, f"{path}.{name}")
    return found


@pytest.mark.parametrize("chart", NAMES)
def test_values_and_schema_know_the_same_names(chart: str) -> None:
    found = schema(chart)
    assert unequal(values(chart), found, found["definitions"], "") == []


def open_objects(node: Any, path: str) -> list[str]:
    """Objects with named properties that would take others too: a typo would pass."""
    found = []
    if isinstance(node, dict):
        if isinstance(node.get("properties"), dict) and node.get("additionalProperties") is not False:
            found.append(path)
        for name, below in node.items():
            found += open_objects(below, f"{path}/{name}")
    return found


@pytest.mark.parametrize("chart", NAMES)
def test_no_typo_passes(chart: str) -> None:
    assert open_objects(schema(chart), "") == []


def test_definitions_that_nobody_uses_are_none() -> None:
    every = yaml.safe_load((CHARTS / "schemas" / "common.yaml").read_text())
    assert every.keys() == {name for chart in NAMES for name in schema(chart)["definitions"]}


@pytest.mark.parametrize("chart", NAMES)
def test_the_charts_are_of_one_version(chart: str) -> None:
    found = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())
    package = "authz" if chart == "eco2-authz" else "operator"
    version = f'version = "{found["appVersion"]}"'
    assert version in (ROOT / package / "pyproject.toml").read_text()
    assert found["name"] == chart


def test_a_comment_is_taken_from_its_beginning() -> None:
    lines = ["# Not this.", "# -- One", "# and two.", "a: 1", "# Nor this.", "b: 2"]
    assert generate.comment_above(lines, 3) == "One and two."
    assert generate.comment_above(lines, 5) == ""
    assert generate.comment_above(lines, 0) == ""


@pytest.mark.parametrize(
    ("default", "shown"),
    [("", "empty"), (None, "empty"), ({}, "empty"), ((1, 2), "`[1, 2]`"), (0, "`0`"), (False, "`false`"), ("a", "`a`")],
)
def test_a_default_is_shown_as_it_would_be_written(default: Any, shown: str) -> None:
    assert generate.shown(default) == shown
