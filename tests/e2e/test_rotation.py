"""A changed Secret replaces the pods that read what has changed, and no others."""

from collections.abc import Callable
from time import monotonic

import pytest
from support.domains import Domain
from support.e2e.world import World
from support.waits import eventually, stays

from eco2_operator.kinds import SECRET

pytestmark = pytest.mark.e2e

WATCHED = {"app.kubernetes.io/managed-by": "eco2-operator"}
"""The label by which Secrets are watched; External Secrets sets it by its template."""
WINDOW = 10.0
"""Seconds for which the operator collects changes, by default."""
QUIET = WINDOW + 6
"""After so many seconds a change would have replaced pods."""


class Keys:
    """A Secret with three keys."""

    def __init__(self, world: World, namespace: str) -> None:
        self._api, self._namespace = world.api, namespace
        metadata = {"name": "keys", "namespace": namespace, "labels": WATCHED}
        values = {"A": "a-one", "B": "b-one", "UNREAD": "u-one"}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}
        world.api.create(SECRET, body)

    def change(self, key: str, value: str) -> None:
        self._api.patch(SECRET, self._namespace, "keys", {"stringData": {key: value}})


def reader(world: World, namespace: str, name: str, key: str) -> Domain:
    """A domain that reads one key."""
    source = {"secretKeyRef": {"name": "keys", "key": key}}
    return world.domain(namespace, name, env=[{"name": "VALUE", "valueFrom": source}])


def value(world: World, domain: Domain) -> str:
    """What a pod of it was given."""
    pod = world.pod(domain.namespace, domain.name)
    words = ("/opt/eco2/bin/python", "-c", "import os; print(os.environ['VALUE'])")
    return world.run(pod, domain.namespace, *words).strip()


def pods(domain: Domain) -> set[str]:
    return {pod["metadata"]["uid"] for pod in domain.pods()}


def test_only_pods_that_read_what_has_changed_are_replaced(world: World, tell: Callable[[str], None]) -> None:
    namespace = world.namespace("e2e-rotation")
    secret = Keys(world, namespace)
    first, second = (reader(world, namespace, f"reads-{key.lower()}", key) for key in "AB")
    for domain in (first, second):
        domain.becomes_ready()
    assert (value(world, first), value(world, second)) == ("a-one", "b-one")
    of_first, of_second = pods(first), pods(second)

    began = monotonic()
    secret.change("A", "a-two")
    eventually(lambda: pods(first) and not of_first & pods(first))
    first.becomes_ready()
    tell(f"pods with the new value serve {monotonic() - began:.1f} s after it changed ({WINDOW:.0f} s are waited)")
    assert value(world, first) == "a-two"
    of_first = pods(first)

    secret.change("UNREAD", "u-two")
    # It would replace the pods of the second too late to be seen above.
    stays(lambda: (pods(first), pods(second)) == (of_first, of_second), for_=QUIET)
    assert value(world, second) == "b-one"

    secret.change("B", "b-two")
    eventually(lambda: pods(second) and not of_second & pods(second))
    second.becomes_ready()
    assert value(world, second) == "b-two"
    assert pods(first) == of_first
