"""gRPC's health protocol, with its own classes."""

import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from eco2_authz.protocol import health


@pytest.mark.parametrize("service", ["", "envoy.service.auth.v3.Authorization"])
def test_services_that_are_here(service: str) -> None:
    assert health.service(HealthCheckRequest(service=service).SerializeToString()) == service


def test_another_service() -> None:
    assert health.service(HealthCheckRequest(service="other").SerializeToString()) is None


def test_no_request() -> None:
    with pytest.raises(ValueError, match="HealthCheckRequest"):
        health.service(b"\x0a\xff")


@pytest.mark.parametrize("serving", [True, False])
def test_status(serving: bool) -> None:
    response = HealthCheckResponse.FromString(health.status(serving=serving))
    assert response.status == (HealthCheckResponse.SERVING if serving else HealthCheckResponse.NOT_SERVING)
