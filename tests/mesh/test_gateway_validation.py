"""Istio's own validation finds no fault in anything that is rendered for an entrance."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from mesh import entrances
from support.api import Object
from support.mesh.mesh import Mesh
from support.mesh.rendering import KINDS, ingress, rendered, route

pytestmark = pytest.mark.cluster

CASES = sorted((Path(__file__).parents[1] / "golden" / "entrance").glob("*.yaml"))
HARMLESS = (
    "EnvoyFilter exposes internal implementation details",
    # There are none: a gateway's ports are 80 and 443.
    "configured AuthorizationPolicy will deny all traffic to TCP ports under its scope",
)
"""What Istio says of every EnvoyFilter, and of every policy that refuses paths."""


@pytest.fixture(scope="module")
def mesh(new_mesh: Callable[..., Mesh]) -> Iterator[Mesh]:
    """istiod alone."""
    mesh = new_mesh()
    mesh.start()
    return mesh


def faults(mesh: Mesh, obj: Object) -> list[str]:
    error, warnings = mesh.istiod.validate(obj)
    return [*filter(None, [error]), *(warning for warning in warnings if not warning.startswith(HARMLESS))]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_golden_objects_are_valid(mesh: Mesh, path: Path) -> None:
    for obj in yaml.safe_load(path.read_text())["expect"]:
        assert faults(mesh, obj) == [], obj["metadata"]["name"]


def test_the_golden_cases_hold_every_kind() -> None:
    objects = [obj for path in CASES for obj in yaml.safe_load(path.read_text())["expect"]]
    assert {obj["kind"] for obj in objects} == set(KINDS)


def test_what_stands_at_the_gateway_of_the_tests_is_valid(mesh: Mesh) -> None:
    everybody = entrances.api("http://keys.test/jwks.json"), entrances.grafana(), entrances.web()
    objects = rendered(*everybody)
    assert {obj["kind"] for obj in objects} == set(KINDS)
    for obj in objects:
        assert faults(mesh, obj) == [], obj["metadata"]["name"]


def test_the_widest_entrance_is_valid(mesh: Mesh) -> None:
    """As many hosts, routes and openings as there may be."""
    many = [route(f"/{'x' * 200}/{n}", "auth", public=True) for n in range(32)]
    many += [route(f"/{'x' * 200}/{n}/asked", "my") for n in range(31)]
    widest = ingress("widest", hosts=[f"host-{n}.test" for n in range(16)], routes=[route("/", "chat"), *many])
    assert len(widest["spec"]["routes"]) == 64
    turned = ingress(
        "turned",
        hosts=["*.turned.test"],
        routes=[route("/", "chat"), *(route(f"/{n}", "my", public=True) for n in range(63))],
    )
    for obj in rendered(widest, turned):
        assert faults(mesh, obj) == [], obj["metadata"]["name"]


def spoilt(kind: str, *place: Any, value: object) -> Object:
    """An object of ours with one fault."""
    objects = rendered(entrances.api("http://keys.test/jwks.json"))
    obj = copy.deepcopy(next(each for each in objects if each["kind"] == kind))
    *way, last = place
    inner: Any = obj["spec"]
    for step in way:
        inner = inner[step]
    inner[last] = value
    return obj


@pytest.mark.parametrize(
    "obj",
    [
        spoilt("Gateway", "servers", 0, "tls", "mode", value="NONSENSE"),
        spoilt("Gateway", "servers", 0, "hosts", 0, value="a/b/c"),
        spoilt("VirtualService", "http", 0, "match", 0, "uri", value={"regex": "("}),
        spoilt("VirtualService", "http", 0, "timeout", value="0.0001s"),
        spoilt("AuthorizationPolicy", "rules", 0, "to", 0, "operation", "hosts", value=[""]),
        spoilt("RequestAuthentication", "jwtRules", 0, "jwksUri", value="keys"),
        spoilt("EnvoyFilter", "configPatches", 0, "patch", "value", "typed_config", "nonsense", value=True),
        spoilt("EnvoyFilter", "configPatches", 0, "patch", "value", "typed_config", "normalize_path", value="perhaps"),
    ],
    ids=lambda obj: obj["kind"],
)
def test_faults_would_be_found(mesh: Mesh, obj: Object) -> None:
    assert faults(mesh, obj)
