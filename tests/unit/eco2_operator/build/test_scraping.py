from typing import Any

import pytest

from eco2_operator.build.scraping import scraping
from eco2_operator.model.domain import EcoDomainSpec


def found(**spec: Any) -> tuple[str, str] | None:
    target = scraping(EcoDomainSpec.model_validate({"image": "eco2:1"} | spec))
    return (target.port.name, target.path) if target else None


PORTS = [{"name": "rpc", "port": 9001, "appProtocol": "grpc"}, {"name": "web", "port": 8000}]


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({}, ("rpc", "/metrics/status")),
        ({"path": "/m"}, ("rpc", "/m")),
        ({"port": "web"}, ("web", "/metrics/status")),
        ({"enabled": False, "port": "web"}, None),
    ],
)
def test_what_is_said_holds(metrics: dict[str, Any], expected: tuple[str, str] | None) -> None:
    assert found(ports=PORTS, metrics=metrics) == expected


@pytest.mark.parametrize("protocol", ["http", "http2", "https"])
def test_by_default_it_is_the_first_port_if_that_speaks_http(protocol: str) -> None:
    assert found(port=8000) == ("http", "/metrics/status")
    assert found(ports=[{"name": "web", "port": 1, "appProtocol": protocol}]) == ("web", "/metrics/status")


@pytest.mark.parametrize("protocol", ["grpc", "tcp", "redis", "postgresql", "amqp"])
def test_by_default_nothing_else_is_scraped(protocol: str) -> None:
    first = {"name": "first", "port": 1, "appProtocol": protocol}
    assert found(ports=[first, {"name": "web", "port": 8000}]) is None
    assert found(workload="worker") is None
