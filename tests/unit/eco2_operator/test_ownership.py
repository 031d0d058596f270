"""Paths of conflicting fields, and the memory of fights over them."""

from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import Clock

from eco2_operator.naming import FIELD_MANAGER, REPLICAS_MANAGER, Ref
from eco2_operator.ownership import LIMIT, WINDOW, Fights, parse_path, without

SCAN = Ref("apps", "Deployment", "shop", "scan")
CHAT = Ref("apps", "Deployment", "shop", "chat")
REPLICAS = (("keda", ".spec.replicas"),)


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        (".spec.replicas", ["spec", "replicas"]),
        (
            '.spec.ports[port=80,protocol="TCP"].nodePort',
            ["spec", "ports", {"port": 80, "protocol": "TCP"}, "nodePort"],
        ),
        (
            '.spec.template.spec.containers[name="app"].env[name="A.B"].value',
            ["spec", "template", "spec", "containers", {"name": "app"}, "env", {"name": "A.B"}, "value"],
        ),
        (
            r'.volumeMounts[mountPath="/a,b=c]\"d"].readOnly',
            ["volumeMounts", {"mountPath": '/a,b=c]"d'}, "readOnly"],
        ),
        ('.metadata.finalizers[="a.b/c"]', ["metadata", "finalizers", {"": "a.b/c"}]),
        ("[name=bare]", [{"name": "bare"}]),
    ],
)
def test_a_conflict_path_is_taken_apart(path: str, steps: list[Any]) -> None:
    assert parse_path(path) == steps


def manifest() -> dict[str, Any]:
    return {
        "metadata": {
            "labels": {"app.kubernetes.io/name": "scan", "app": "x", "tier": "data"},
            "annotations": {"a.b": "1", "a.b.c/d": "2"},
        },
        "spec": {
            "replicas": 2,
            "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30080}, {"port": 80, "protocol": "UDP"}],
            "containers": [
                {"name": "app", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
                {"name": "proxy", "env": [{"name": "A", "value": "3"}]},
            ],
        },
    }


def test_a_plain_field_is_removed_and_the_original_is_untouched() -> None:
    original = manifest()
    left = without(original, [".spec.replicas"])
    assert "replicas" not in left["spec"]
    assert original == manifest()


def test_keys_with_dots_and_slashes_are_put_together_again() -> None:
    left = without(manifest(), [".metadata.labels.app.kubernetes.io/name", ".metadata.annotations.a.b.c/d"])
    assert left["metadata"] == {"labels": {"app": "x", "tier": "data"}, "annotations": {"a.b": "1"}}


def test_an_element_is_selected_by_all_its_keys() -> None:
    left = without(manifest(), ['.spec.ports[port=80,protocol="TCP"].nodePort'])
    assert left["spec"]["ports"] == [{"port": 80, "protocol": "TCP"}, {"port": 80, "protocol": "UDP"}]


def test_selectors_can_be_nested() -> None:
    left = without(manifest(), ['.spec.containers[name="app"].env[name="B"].value'])
    expected = manifest()
    del expected["spec"]["containers"][0]["env"][1]["value"]
    assert left == expected


def test_a_branch_is_removed_whole() -> None:
    left = without(manifest(), [".metadata.labels"])
    assert left["metadata"] == {"annotations": {"a.b": "1", "a.b.c/d": "2"}}


@pytest.mark.parametrize(
    "path",
    [
        ".spec.absent",
        ".spec.replicas.deeper",
        '.spec.ports[port=99,protocol="TCP"].nodePort',
        ".spec.ports.nodePort",
        '.spec[name="app"].x',
        '.metadata.finalizers[="a"]',
        '.spec.ports[port=80,protocol="TCP"]',
        "",
    ],
)
def test_a_path_that_leads_nowhere_removes_nothing(path: str) -> None:
    assert without(manifest(), [path]) == manifest()


def test_a_field_is_conceded_when_it_was_taken_three_times_within_the_window() -> None:
    fights = Fights(Clock())
    for _ in range(LIMIT - 1):
        fights.record(SCAN, REPLICAS)
        assert fights.conceded(SCAN) == {}
    fights.record(SCAN, REPLICAS)
    assert fights.conceded(SCAN) == {".spec.replicas": "keda"}


def test_fights_over_other_fields_objects_and_with_other_managers_are_counted_apart() -> None:
    fights = Fights(Clock())
    for _ in range(LIMIT - 1):
        fights.record(SCAN, REPLICAS)
    fights.record(CHAT, REPLICAS)
    fights.record(SCAN, (("keda", ".spec.paused"),))
    fights.record(SCAN, (("kubectl", ".spec.replicas"),))
    assert fights.conceded(SCAN) == {}
    assert fights.conceded(CHAT) == {}


def test_slow_fights_are_never_conceded() -> None:
    clock = Clock()
    fights = Fights(clock)
    for _ in range(10):
        fights.record(SCAN, REPLICAS)
        clock.turn(WINDOW / 2)
        assert fights.conceded(SCAN) == {}


def test_a_concession_ends_when_the_window_has_passed() -> None:
    clock = Clock()
    fights = Fights(clock)
    for _ in range(LIMIT):
        fights.record(SCAN, REPLICAS)
        clock.turn(10)
    clock.turn(WINDOW - 31)
    assert fights.conceded(SCAN) == {".spec.replicas": "keda"}
    clock.turn(2)
    assert fights.conceded(SCAN) == {}


def test_old_fights_are_forgotten_for_good() -> None:
    clock = Clock()
    fights = Fights(clock)
    fights.record(SCAN, REPLICAS)
    clock.turn(WINDOW + 1)
    assert fights.conceded(SCAN) == {}
    assert fights._taken == {}  # it would grow with every object anybody ever touched


def test_our_own_second_manager_is_no_opponent() -> None:
    fights = Fights(Clock())
    for _ in range(LIMIT):
        fights.record(SCAN, ((REPLICAS_MANAGER, ".spec.replicas"), (FIELD_MANAGER, ".spec.paused")))
    assert fights.conceded(SCAN) == {".spec.paused": FIELD_MANAGER}
