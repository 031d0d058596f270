"""Children of kinds that a cluster may lack, against the definitions of those who make them: accepted, kept as they
are, and what others change in them is seen. Their lists are atomic, and their schemas fill in nothing."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from golden.test_golden import CASES, plan
from support.api import NAMESPACE, ApiError, Object

from eco2_operator.diff import difference, surplus
from eco2_operator.kinds import AUTHORIZATION_POLICY, PEER_AUTHENTICATION, SERVICE_MONITOR, Kind
from eco2_operator.naming import FIELD_MANAGER

pytestmark = pytest.mark.cluster

CRDS = Path(__file__).parents[1] / "support" / "crds"
KINDS = {kind.name: kind for kind in (AUTHORIZATION_POLICY, PEER_AUTHENTICATION, SERVICE_MONITOR)}


def optional(path: Path) -> list[Object]:
    """The children of a golden case that are of optional kinds."""
    case = yaml.safe_load(path.read_text())
    children = [] if "error" in case else plan(case).children
    return [child for child in children if child["kind"] in KINDS]


MADE = {path.stem: made for path in CASES if (made := optional(path))}


@pytest.fixture(scope="module")
def private(new_private: Callable[..., Any]) -> Any:
    """A cluster with these definitions alone, and no operator."""
    paths = [CRDS / f"{kind.plural}.{kind.group}.yaml" for kind in KINDS.values()]
    definitions = [yaml.safe_load(path.read_text()) for path in paths]
    return new_private(definitions=definitions)


@pytest.fixture
def namespace(private: Any, request: pytest.FixtureRequest) -> str:
    name = "".join(c if c.isalnum() else "-" for c in request.node.name.lower())[-63:].strip("-")
    private.api.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


def test_the_golden_cases_hold_every_kind() -> None:
    kinds = [child["kind"] for made in MADE.values() for child in made]
    assert all(kinds.count(kind.name) > 5 for kind in KINDS.values())


@pytest.mark.parametrize("name", MADE)
def test_a_golden_object_is_accepted_and_kept_as_it_is(private: Any, namespace: str, name: str) -> None:
    for child in MADE[name]:
        wanted, kind = at(namespace, child), KINDS[child["kind"]]
        dry = private.api.apply(kind, wanted, manager=FIELD_MANAGER, force=True, dry_run=True)
        live = private.api.apply(kind, wanted, manager=FIELD_MANAGER, force=True)
        stored = private.api.read(kind, namespace, wanted["metadata"]["name"])
        for found in (dry, live, stored):
            assert list(changes(wanted, found)) == []
        assert stored["spec"] == wanted["spec"]  # nothing filled in, nothing dropped


@pytest.mark.parametrize(
    ("case", "kind", "patch", "path"),
    [
        ("mesh_nobody_may_call", AUTHORIZATION_POLICY, {"spec": {"rules": [{}]}}, "spec.rules"),
        ("mesh", AUTHORIZATION_POLICY, {"spec": {"rules": []}}, "spec.rules"),
        ("mesh", AUTHORIZATION_POLICY, {"spec": {"rules": None}}, "spec.rules"),
        ("mesh", AUTHORIZATION_POLICY, {"spec": {"action": "DENY"}}, "spec.action"),
        ("mesh", PEER_AUTHENTICATION, {"spec": {"mtls": {"mode": "DISABLE"}}}, "spec.mtls.mode"),
        ("mesh", PEER_AUTHENTICATION, {"spec": {"portLevelMtls": None}}, "spec.portLevelMtls"),
        ("service_monitor", SERVICE_MONITOR, {"spec": {"endpoints": [{"port": "x"}]}}, "spec.endpoints"),
    ],
)
def test_what_somebody_changes_is_seen_and_taken_back(
    private: Any, namespace: str, case: str, kind: Kind, patch: Object, path: str
) -> None:
    wanted = applied(private, namespace, case, kind)
    changed = private.api.patch(kind, namespace, wanted["metadata"]["name"], patch)
    assert [d.path for d in difference(wanted, changed)] == [path]
    assert list(changes(wanted, private.api.apply(kind, wanted, manager=FIELD_MANAGER, force=True))) == []


def test_what_others_add_beside_it_is_left_alone(private: Any, namespace: str) -> None:
    wanted = applied(private, namespace, "service_monitor", SERVICE_MONITOR)
    patch = {"metadata": {"labels": {"release": "stack"}}, "spec": {"sampleLimit": 5000}}
    changed = private.api.patch(SERVICE_MONITOR, namespace, wanted["metadata"]["name"], patch)
    assert list(changes(wanted, changed)) == []


def test_what_is_no_longer_wanted_is_seen_and_goes(private: Any, namespace: str) -> None:
    policy = applied(private, namespace, "mesh_shadow", AUTHORIZATION_POLICY)
    ports = applied(private, namespace, "mesh_alb", PEER_AUTHENTICATION)
    active, fewer = copy.deepcopy(policy), copy.deepcopy(ports)
    del active["metadata"]["annotations"]
    del fewer["spec"]["portLevelMtls"]["8001"]
    for wanted, kind, path in (
        (active, AUTHORIZATION_POLICY, "metadata.annotations"),
        (fewer, PEER_AUTHENTICATION, "spec.portLevelMtls.8001"),
    ):
        name = wanted["metadata"]["name"]
        assert [d.path for d in surplus(wanted, private.api.read(kind, namespace, name))] == [path]
        assert list(changes(wanted, private.api.apply(kind, wanted, manager=FIELD_MANAGER, force=True))) == []
        assert "istio.io/dry-run" not in str(private.api.read(kind, namespace, name)["metadata"].get("annotations"))


def test_a_port_of_its_own_needs_a_selector(private: Any, namespace: str) -> None:
    """The definitions are the real ones: they check."""
    wanted = at(namespace, child("mesh", PEER_AUTHENTICATION))
    del wanted["spec"]["selector"]
    with pytest.raises(ApiError, match="portLevelMtls requires selector"):
        private.api.apply(PEER_AUTHENTICATION, wanted, manager=FIELD_MANAGER, force=True)


def changes(wanted: Object, live: Object) -> Iterator[str]:
    yield from map(str, difference(wanted, live))
    yield from map(str, surplus(wanted, live))


def applied(private: Any, namespace: str, case: str, kind: Kind) -> Object:
    wanted = at(namespace, child(case, kind))
    private.api.apply(kind, wanted, manager=FIELD_MANAGER, force=True)
    return wanted


def child(case: str, kind: Kind) -> Object:
    (found,) = [made for made in MADE[case] if made["kind"] == kind.name]
    return found


def at(namespace: str, obj: Object) -> Object:
    copied = copy.deepcopy(obj)
    copied["metadata"]["namespace"] = namespace
    return copied
