"""A new version replaces the old while requests come in: none of them is lost, and none when its migration fails."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from support.domains import Domain
from support.e2e.traffic import Traffic, entrance, traffic
from support.e2e.world import SAMPLE, World
from support.waits import eventually, stays

from eco2_operator.kinds import POD

pytestmark = pytest.mark.e2e

NEW_IMAGE = "docker.io/mng990/eco2:sample-e2e-next"
SAMPLE_PROGRAM = ["/opt/eco2/bin/python", "-P", "/opt/eco2/bin/eco2-sample"]
FAILURE = "migration failed: relation users has no column nickname"
SLOW = 120.0
"""Seconds a rollout of two pods may take on a busy machine."""


@dataclass
class Shop:
    """A domain with two pods, somebody who may call it, and a host of the gateway that leads to it."""

    domain: Domain
    caller: tuple[World, str, str, str]
    outside: dict[str, dict[str, Any]]

    def traffic(self) -> Any:
        """From both sides."""
        return traffic(self.caller, outside=self.outside)

    def pods(self) -> set[str]:
        """Every pod, those on their way out too."""
        found = self.domain.api.items(POD, self.domain.namespace, selector="app.kubernetes.io/name=shop")
        return {pod["metadata"]["name"] for pod in found}


@contextmanager
def shop(world: World, name: str, **spec: Any) -> Iterator[Shop]:
    place, callers = world.namespace(name), world.namespace(f"{name}-callers")
    access = {"inbound": [{"domain": "caller", "namespace": callers}]}
    domain = world.domain(place, "shop", replicas=2, env=version("one"), access=access, **spec)
    calls = {"outbound": [{"domain": "shop", "namespace": place}]}
    caller = world.domain(callers, "caller", access=calls).becomes_ready()
    domain.becomes_ready()
    with entrance(world, domain, f"{name}.e2e.test") as request:
        who = (world, callers, world.pod(callers, caller.name), f"shop.{place}.svc.cluster.local")
        yield Shop(domain, who, {"gateway": request})


def version(name: str) -> list[dict[str, str]]:
    """How the pods of a version name it in their answers."""
    return [{"name": "SAMPLE_VERSION", "value": name}]


def test_a_rolling_update_loses_no_request(world: World, tell: Callable[[str], None]) -> None:
    subprocess.run(["docker", "tag", SAMPLE, NEW_IMAGE], check=True)
    try:
        world.provider.load_images([NEW_IMAGE])
    finally:
        subprocess.run(["docker", "rmi", NEW_IMAGE], check=True, capture_output=True)
    with shop(world, "e2e-rollout") as made:
        before = made.pods()
        with made.traffic() as flow:
            made.domain.patch(image=NEW_IMAGE, env=version("two"))
            eventually(made.domain.is_ready, within=SLOW)
            eventually(lambda: not before & made.pods())
            flow.goes_on()
        tell(flow.nothing_is_lost())
        assert flow.seen("version") == {"one", "two"}
        assert flow.seen("pod") == before | made.pods()


def test_a_failed_migration_keeps_the_old_pods_serving_and_a_good_one_lets_the_new_in(
    world: World, tell: Callable[[str], None]
) -> None:
    migrations = {"command": SAMPLE_PROGRAM, "args": ["migrate"], "retries": 0}
    with shop(world, "e2e-migration", migrations=migrations) as made:
        assert made.domain.says("MigrationComplete", "True", "Succeeded")
        before = made.pods()
        with made.traffic() as flow:
            fails = {**migrations, "args": ["migrate", "--fail", "--seconds", "2"]}
            made.domain.patch(env=version("two"), migrations=fails)
            assert FAILURE in made.domain.becomes("False", "MigrationFailed")
            assert FAILURE in made.domain.says("MigrationComplete", "False", "MigrationFailed")
            flow.goes_on()
            stays(lambda: made.pods() == before, for_=3)
            assert made.domain.says("WorkloadAvailable", "True")
        tell(f"migration fails: {flow.nothing_is_lost()}")
        assert flow.seen("version") == {"one"}
        assert flow.seen("pod") == before
        with made.traffic() as flow:
            let_in(made, migrations, flow)
        tell(f"migration mended: {flow.nothing_is_lost()}")
        assert flow.seen("version") == {"one", "two"}


def let_in(made: Shop, migrations: dict[str, Any], flow: Traffic) -> None:
    """Mend the migration, and wait until no pod is left of the version before."""
    before = made.pods()
    made.domain.patch(migrations=migrations)
    eventually(made.domain.is_ready, within=SLOW)
    assert made.domain.says("MigrationComplete", "True", "Succeeded")
    eventually(lambda: not before & made.pods())
    flow.goes_on()
