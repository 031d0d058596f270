"""`helm upgrade` of the operator replaces its own pods and nobody else's."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from support.e2e.leadership import holder, is_complete
from support.e2e.world import ROOT, World
from support.waits import eventually, stays

from eco2_operator.kinds import DEPLOYMENT
from eco2_testcluster.installations.charts import NAMESPACE, RELEASE

pytestmark = pytest.mark.e2e

QUIET = 10.0
"""Seconds within which a new operator has looked at everything."""


def values(world: World) -> dict[str, Any]:
    """What the release was given."""
    found: dict[str, Any] = json.loads(world.helm.run("get", "values", RELEASE, "-n", NAMESPACE, "-o", "json"))
    return found


def install(world: World, wanted: dict[str, Any]) -> None:
    world.helm.install(RELEASE, ROOT / "charts" / RELEASE, namespace=NAMESPACE, values=wanted)


@contextmanager
def upgraded(world: World, **changes: Any) -> Iterator[None]:
    """With other values, until the end of the block."""
    before = values(world)
    try:
        install(world, {**before, **{name: {**before.get(name, {}), **change} for name, change in changes.items()}})
        yield
    finally:
        install(world, before)
        eventually(lambda: is_complete(world))


@pytest.mark.parametrize(
    ("changes", "variable"),
    [
        ({"settings": {"resyncSeconds": 601}}, ("ECO2_RESYNC_SECONDS", "601")),
        ({"podAnnotations": {"e2e": "another"}}, None),
    ],
    ids=["setting", "annotation"],
)
def test_an_upgrade_of_the_operator_restarts_no_workload(
    world: World, tell: Callable[[str], None], changes: dict[str, Any], variable: tuple[str, str] | None
) -> None:
    domain = world.domain(world.namespace(f"e2e-upgrade-{next(iter(changes)).lower()}"), "kiosk").becomes_ready()
    eventually(lambda: is_complete(world))
    templates, operators, former = world.templates(), set(world.operators()), holder(world)
    assert len(templates) > 10
    with upgraded(world, **changes):
        eventually(lambda: is_complete(world))
        assert not operators & set(world.operators())
        assert holder(world) != former
        if variable is not None:
            assert variable in variables(world)
        stays(lambda: world.templates() == templates, for_=QUIET)
        domain.patch(rollout={"progressDeadlineSeconds": 301})
        eventually(lambda: domain.child(DEPLOYMENT)["spec"]["progressDeadlineSeconds"] == 301)
        eventually(domain.is_ready)
    tell(f"{len(templates)} Deployments and pods of EcoDomains as before")


def variables(world: World) -> set[tuple[str, str]]:
    """Of the operator's container."""
    (container,) = world.api.read(DEPLOYMENT, NAMESPACE, RELEASE)["spec"]["template"]["spec"]["containers"]
    return {(each["name"], each.get("value", "")) for each in container["env"]}
