"""A node port that somebody else has is said so, with the holder, and taken as soon as it is free."""

from collections.abc import Callable
from typing import Any

import pytest
from support.api import Api
from support.domains import STANDARD, Domain
from support.waits import eventually, stays

from eco2_operator.kinds import SERVICE

pytestmark = pytest.mark.cluster

NewDomain = Callable[..., Domain]


def number(domain: Domain) -> int | None:
    service: dict[str, Any] = domain.find(SERVICE) or {"spec": {"ports": [{}]}}
    return service["spec"]["ports"][0].get("nodePort")


def test_the_second_domain_says_who_has_it_and_gets_it_when_the_first_gives_it_up(
    new_domain: NewDomain, node_port: int
) -> None:
    first = new_domain("first", nodePort=node_port).becomes_ready()
    second = new_domain("second", nodePort=node_port)
    message = second.becomes("False", "NodePortTaken")
    assert str(node_port) in message
    assert f"{first.namespace}/first" in message
    eventually(lambda: set(second.children()) == STANDARD - {SERVICE})
    stays(lambda: second.find(SERVICE) is None and first.is_ready())
    first.delete()
    second.becomes_ready()
    assert number(second) == node_port
    stays(second.is_ready)


def test_a_port_held_by_a_foreign_service_is_waited_for(
    api: Api, namespace: str, new_domain: NewDomain, node_port: int
) -> None:
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "foreign", "namespace": namespace},
        "spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": node_port}]},
    }
    api.create(SERVICE, foreign)
    domain = new_domain(nodePort=node_port)
    assert str(node_port) in domain.becomes("False", "NodePortTaken")
    api.delete(SERVICE, namespace, "foreign")
    domain.becomes_ready()
    assert number(domain) == node_port


def test_a_taken_number_wished_for_later_leaves_the_service_as_it_was(new_domain: NewDomain, node_port: int) -> None:
    first = new_domain("first", nodePort=node_port).becomes_ready()
    second = new_domain("second").becomes_ready()
    before = number(second)
    second.patch(nodePort=node_port)
    assert str(node_port) in second.becomes("False", "NodePortTaken")
    stays(lambda: number(second) == before)
    assert second.status["nodePort"] == before
    second.patch(nodePort=None)
    second.becomes_ready()
    assert number(second) == before
    assert first.is_ready()
