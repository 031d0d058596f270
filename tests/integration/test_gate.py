"""Behind a closed gate a Deployment keeps its pod template, by the API server's own managed fields: for every golden
case, and whatever others have put into it."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from golden.test_golden import CASES, load, plan
from support.api import STRATEGIC_PATCH, Object

from eco2_operator.diff import difference, surplus
from eco2_operator.gate import keeping_template
from eco2_operator.kinds import DEPLOYMENT
from eco2_operator.naming import FIELD_MANAGER, SECRETS_ANNOTATION

pytestmark = pytest.mark.cluster


def deployment(path: Path) -> Object | None:
    """The Deployment of a golden case."""
    case = load(path)
    children = [] if "error" in case else plan(case).children
    return next((child for child in children if child["kind"] == "Deployment"), None)


MADE = {path.stem: made for path in CASES if (made := deployment(path)) is not None}
NAMES = list(MADE)
PAIRS = [(name, other) for place, name in enumerate(NAMES) for other in (NAMES[place - 1], NAMES[place // 2])]
"""Each case with the one before it, and with one further away."""


@pytest.fixture(scope="module")
def quiet(new_private: Callable[..., Any]) -> Any:
    """A cluster in which nobody looks after the objects."""
    controllers = ("*", "-garbage-collector-controller", "-deployment-controller")
    private = new_private(definitions=(), controllers=controllers)
    private.namespace("gate")
    return private


def named(made: Object, name: str) -> Object:
    """A Deployment of that name, with a selector that any other may take over."""
    obj = copy.deepcopy(made)
    obj["metadata"] |= {"name": name, "namespace": "gate"}
    labels = {"app.kubernetes.io/name": name, "domain": name}
    obj["spec"]["selector"]["matchLabels"] = labels
    obj["spec"]["template"]["metadata"]["labels"] |= labels
    return obj


def apply(quiet: Any, obj: Object) -> Object:
    applied: Object = quiet.api.apply(DEPLOYMENT, obj, manager=FIELD_MANAGER, force=True)
    return applied


@pytest.mark.parametrize(("before", "after"), PAIRS, ids=lambda name: name)
def test_the_gated_one_changes_nothing_in_the_template(quiet: Any, before: str, after: str) -> None:
    name = f"{NAMES.index(before)}-{NAMES.index(after)}"
    live = apply(quiet, named(MADE[before], name))
    wanted = named(MADE[after], name)
    gated = keeping_template(wanted, live)
    found = apply(quiet, gated)
    assert found["spec"]["template"] == live["spec"]["template"]
    assert difference(gated, found) == []
    assert surplus(gated, found) == []
    assert difference({**wanted, "spec": {**wanted["spec"], "template": {}}}, found) == []  # the rest has moved on
    again = apply(quiet, keeping_template(wanted, found))
    assert again["metadata"]["resourceVersion"] == found["metadata"]["resourceVersion"]
    opened = apply(quiet, wanted)
    assert difference(wanted, opened) == []
    assert surplus(wanted, opened) == []


PROXY = {"name": "istio-proxy", "image": "proxy:1", "env": [{"name": "X", "value": "1"}]}
RESTARTED = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-22"}}}
OTHERS = {
    "a restart by kubectl": RESTARTED,
    "a sidecar": {"spec": {"containers": [PROXY]}},
    "a variable in our container": {"spec": {"containers": [{"name": "app", "env": [{"name": "Z", "value": "1"}]}]}},
    "a toleration": {"spec": {"tolerations": [{"key": "gpu", "operator": "Exists"}]}},
    "our image": {"spec": {"containers": [{"name": "app", "image": "eco2:debug-1"}]}},
}


@pytest.mark.parametrize("others", OTHERS)
def test_what_others_changed_in_the_template_stays_as_it_is(quiet: Any, others: str) -> None:
    name = others.replace(" ", "-")
    apply(quiet, named(MADE["contract_example"], name))
    live = quiet.api.patch(
        DEPLOYMENT, "gate", name, {"spec": {"template": OTHERS[others]}}, content_type=STRATEGIC_PATCH
    )
    gated = keeping_template(named(MADE["env"], name), live)
    found = apply(quiet, gated)
    assert found["spec"]["template"] == live["spec"]["template"]
    assert "kubectl.kubernetes.io/restartedAt" not in str(gated)
    assert "istio-proxy" not in str(gated)


def test_hashes_of_secrets_wait_too(quiet: Any) -> None:
    old = named(MADE["secrets_as_env"], "hashes")
    old["spec"]["template"]["metadata"]["annotations"] = {SECRETS_ANNOTATION: "a=1"}
    live = apply(quiet, old)
    new = copy.deepcopy(old)
    new["spec"]["template"]["metadata"]["annotations"] = {SECRETS_ANNOTATION: "a=2"}
    found = apply(quiet, keeping_template(new, live))
    assert found["metadata"]["generation"] == live["metadata"]["generation"]


def test_an_object_whose_managed_fields_were_cleared_keeps_its_template(quiet: Any) -> None:
    apply(quiet, named(MADE["contract_example"], "cleared"))
    live = quiet.api.patch(DEPLOYMENT, "gate", "cleared", {"metadata": {"managedFields": [{}]}})
    assert not live["metadata"].get("managedFields")
    found = apply(quiet, keeping_template(named(MADE["env"], "cleared"), live))
    assert found["spec"]["template"] == live["spec"]["template"]
