"""Golden cases of the charts: values and what helm makes of them, one YAML file per case.

    description: what the case shows
    chart: its name
    values: the values
    expect: the objects, sorted by kind and name; of a CustomResourceDefinition the metadata alone, of a dashboard its
        title. Or, where the chart refuses the values, `refused` and what it says.

``GOLDEN_UPDATE=1`` (``make golden``) rewrites ``expect``, which is the last key of a file.
"""

import copy
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from support import charts
from support.api import Object
from support.charts import AUTHZ, CHARTS, NAMES, OPERATOR
from support.golden import judged, load

from eco2_testcluster.errors import CommandError

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "charts"
CASES = sorted(FOLDER.glob("*.yaml"))
MADE = [path for path in CASES if "refused" not in str(load(path)["expect"])[:12]]
QUOTED = r"'\w+'"
CHANCE = r"\b(lookup|rand\w+|now|date|uuidv4|gen\w+|derivePassword)\b *[\"($]"
KUBERNETES = kubernetes_validate.latest_version()


def made(case: dict[str, Any]) -> Any:
    try:
        return [shortened(obj) for obj in charts.render(case["chart"], case["values"])]
    except CommandError as error:
        return {"refused": said(str(error))}


def said(text: str) -> list[str]:
    """What helm says is wrong: without where it read that, and in an order that is always the same."""
    found = []
    for line in text.splitlines():
        if line.strip().startswith("- at ") and not line.endswith("validation failed"):
            start, typo, names = line.strip().partition("additional properties ")
            found.append(f"{start}{typo}{', '.join(sorted(re.findall(QUOTED, names)))} not allowed" if typo else start)
        elif "execution error" in line:
            found.append(line.partition("): ")[2])
    return sorted(found)


def shortened(obj: Object) -> Object:
    found = copy.deepcopy(obj)
    if obj["kind"] == "CustomResourceDefinition":
        del found["spec"]
    if obj["kind"] == "ConfigMap":
        found["data"] = {name: json.loads(text)["title"] for name, text in obj["data"].items()}
    return found


@cache
def rendered(path: Path) -> tuple[Object, ...]:
    case = load(path)
    return tuple(charts.render(case["chart"], case["values"]))


def objects() -> list[Any]:
    """Every object of every case, to be checked by itself."""
    return [
        pytest.param(path, number, id=f"{path.stem}-{obj['kind']}-{number}")
        for path in MADE
        for number, obj in enumerate(load(path)["expect"])
    ]


# -- the cases -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    found, expected = judged(path, made)
    assert found == expected


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_case_says_what_it_shows_and_spells_its_keys(path: Path) -> None:
    case = load(path)
    assert len(case["description"]) > 20
    assert list(case) == ["description", "chart", "values", "expect"]
    assert case["expect"]
    assert case["expect"] != {"refused": []}, "it fails, and not by saying what is wrong"


@pytest.mark.parametrize("chart", NAMES)
def test_every_value_is_set_in_a_case(chart: str) -> None:
    """Every branch of the templates is seen with something in it."""
    schema = json.loads((CHARTS / chart / "values.schema.json").read_text())
    cases = [load(path) for path in MADE]
    seen = {name for case in cases if case["chart"] == chart for name in paths(case["values"])}
    wanted = set(leaves(schema, schema["definitions"])) - {"global", "enabled"}
    assert wanted - seen == set()


def leaves(schema: Any, definitions: Any, prefix: str = "") -> Any:
    """Every path of the values that has a schema of its own."""
    for name, below in schema.get("properties", {}).items():
        node = definitions[below["$ref"].rpartition("/")[2]] if "$ref" in below else below
        if "properties" in node and name != "resources":
            yield from leaves(node, definitions, f"{prefix}{name}.")
        elif not prefix.startswith(("settings.", "affinity.")):
            yield f"{prefix}{name}"


def paths(values: Any, prefix: str = "") -> Any:
    for name, below in values.items():
        yield f"{prefix}{name}"
        if isinstance(below, dict):
            yield from paths(below, f"{prefix}{name}.")


# -- is it Kubernetes? -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", MADE, ids=lambda path: path.stem)
def test_every_object_is_one_of_the_api(path: Path) -> None:
    for obj in rendered(path):
        if obj["kind"] in ("ServiceMonitor", "PrometheusRule"):
            jsonschema.validate(obj, definition(obj["kind"]))
        else:
            kubernetes_validate.validate(obj, KUBERNETES, strict=True)


def test_the_check_finds_a_wrong_field() -> None:
    wrong = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"port": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"spec": {"groups": [{"rules": []}]}}, definition("PrometheusRule"))


def definition(kind: str) -> Any:
    """The schema of somebody else's kind, which takes nothing that it does not know."""
    path = ROOT / "tests" / "support" / "crds" / f"{kind.lower()}s.monitoring.coreos.com.yaml"
    (version,) = yaml.safe_load(path.read_text())["spec"]["versions"]
    return closed(version["schema"]["openAPIV3Schema"])


def closed(node: Any, name: str = "") -> Any:
    if isinstance(node, list):
        return [closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    # Go's way to ignore case is none in Python.
    found = {key: closed(below, key) for key, below in node.items() if not (key == "pattern" and "(?i)" in str(below))}
    if "properties" in node and name != "properties" and node.get("type") == "object" and name != "metadata":
        found.setdefault("additionalProperties", False)
    return found


def pods() -> list[Any]:
    found = []
    for path in MADE:
        for obj in rendered(path):
            if obj["kind"] in ("Deployment", "Pod"):
                spec = obj["spec"]["template"]["spec"] if obj["kind"] == "Deployment" else obj["spec"]
                found.append((f"{path.stem}: {obj['kind']} {obj['metadata']['name']}", spec))
    return found


def test_every_pod_is_restricted() -> None:
    """The strictest of the Pod Security Standards, and a root file system nobody can write to."""
    assert len(pods()) > 4
    for name, spec in pods():
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert container["resources"]["requests"], name


# -- lint, and nothing random ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("chart", NAMES)
def test_helm_has_nothing_to_object_to(chart: str) -> None:
    said = charts.offline().run("lint", "--strict", str(CHARTS / chart))
    assert "1 chart(s) linted, 0 chart(s) failed" in said


@pytest.mark.parametrize("path", MADE, ids=lambda path: path.stem)
def test_two_renderings_are_equal(path: Path) -> None:
    case = load(path)
    assert charts.template(case["chart"], case["values"]) == charts.template(case["chart"], case["values"])


def test_no_template_asks_the_cluster_the_clock_or_chance() -> None:
    for path in CHARTS.glob("*/templates/**/*"):
        if path.is_file():
            assert not re.search(CHANCE, path.read_text()), path


# -- what is said about what -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("chart", [OPERATOR, AUTHZ])
def test_selectors_find_the_pods_and_nothing_else(chart: str) -> None:
    path = FOLDER / f"{'operator' if chart == OPERATOR else 'authz'}-everything.yaml"
    found = list(rendered(path))
    labels = charts.one(found, "Deployment")["spec"]["template"]["metadata"]["labels"].items()
    test = charts.one(found, "Pod")["metadata"]["labels"].items()
    policy = next(obj for obj in found if obj["kind"] == "NetworkPolicy")
    selectors = [
        *(obj["spec"]["selector"] for obj in found if obj["kind"] == "Service"),
        charts.one(found, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        charts.one(found, "Deployment")["spec"]["selector"]["matchLabels"],
        policy["spec"]["podSelector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector.items() <= labels
        assert not selector.items() <= test
    scraped = charts.one(found, "ServiceMonitor")["spec"]["selector"]["matchLabels"].items()
    assert [obj for obj in found if obj["kind"] == "Service" and scraped <= obj["metadata"]["labels"].items()]
    allowed = [peer for rule in policy["spec"]["ingress"] for peer in rule["from"] if "podSelector" in peer]
    assert any(peer["podSelector"]["matchLabels"].items() <= test for peer in allowed)
