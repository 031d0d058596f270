from __future__ import annotations

from typing import Any

import pytest

from eco2_testcluster.examples import Examples
from eco2_testcluster.installations.adapting import RESTART, adapted, wanted_images

PLACEMENT = {"node": "scan", "spread": "hostname", "nodeSelector": {"domain": "scan"}, "tolerations": []}


def domain(name: str, image: str, **spec: Any) -> dict[str, Any]:
    return {"kind": "EcoDomain", "metadata": {"name": name}, "spec": {"image": image, **spec}}


def examples(*working: dict[str, Any], broken: tuple[dict[str, Any], ...] = ()) -> Examples:
    return Examples(({"kind": "Namespace", "metadata": {"name": "scan"}},), working, broken)


def test_images_are_wanted_once_and_not_those_that_are_missing_on_purpose() -> None:
    entrance = {"kind": "EcoIngress", "metadata": {"name": "api"}, "spec": {}}
    given = examples(domain("b", "x:b"), domain("a", "x:a"), domain("c", "x:b"), entrance, broken=(domain("d", "x:d"),))
    assert wanted_images(given) == ["x:a", "x:b"]


def test_an_image_of_this_machine_is_not_pulled_and_its_id_replaces_the_pods_when_it_changes() -> None:
    given = examples(domain("a", "x:a"), domain("b", "x:b"), broken=(domain("c", "x:missing"),))
    first, second = adapted(given, ids={"x:a": "1", "x:b": "2"}, placed=True).working
    assert first["metadata"]["annotations"] == {RESTART: "1"}
    assert second["metadata"]["annotations"] == {RESTART: "2"}
    assert first["spec"]["imagePullPolicy"] == second["spec"]["imagePullPolicy"] == "IfNotPresent"
    missing = adapted(given, ids={"x:a": "1"}, placed=True).broken[0]
    assert "annotations" not in missing["metadata"]
    assert "imagePullPolicy" not in missing["spec"]
    assert "annotations" not in given.working[0]["metadata"]


@pytest.mark.parametrize("placed", [True, False])
def test_a_domain_runs_anywhere_unless_it_has_a_node_of_its_own(placed: bool) -> None:
    given = examples(domain("a", "x:a", placement=PLACEMENT), domain("b", "x:b", placement={"node": "b"}))
    first, second = adapted(given, ids={}, placed=placed).working
    assert first["spec"]["placement"] == (PLACEMENT if placed else {"spread": "hostname"})
    assert ("placement" in second["spec"]) is placed


def test_a_stand_in_runs_nothing_of_the_domain_it_stands_in_for() -> None:
    own = {
        "migrations": {"command": ["eco2-a", "migrate"]},
        "args": ["worker"],
        "health": {"kind": "exec", "command": ["eco2-a", "health"]},
    }
    given = examples(domain("a", "x:a", **own), domain("b", "x:b", **own))
    first, second = adapted(given, ids={}, placed=True, standing_in=["x:a"]).working
    assert first["spec"] == {"image": "x:a"}
    assert second["spec"] == {"image": "x:b", **own}


def test_a_stand_in_is_asked_as_its_domain_would_be() -> None:
    given = examples(domain("a", "x:a", health={"kind": "http"}))
    (made,) = adapted(given, ids={}, placed=True, standing_in=["x:a"]).working
    assert made["spec"]["health"] == {"kind": "http"}


def test_what_is_no_domain_stays_as_it_is() -> None:
    entrance = {"kind": "EcoIngress", "metadata": {"name": "api"}, "spec": {"hosts": ["a.test"]}}
    given = examples(entrance)
    assert adapted(given, ids={}, placed=False) == given
