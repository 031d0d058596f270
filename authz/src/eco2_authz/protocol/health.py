"""gRPC's health protocol (grpc.health.v1, Check): whether the server takes calls."""

from typing import Final

from google.protobuf.message import DecodeError

from eco2_authz.protocol import wire
from eco2_authz.protocol.schema import HealthCheckRequest

SERVICES: Final = frozenset({"", "envoy.service.auth.v3.Authorization"})
"""Services whose health may be asked; the empty name is the whole server."""
_SERVING, _NOT_SERVING = 1, 2


def service(message: bytes) -> str | None:
    """The service a HealthCheckRequest asks about; None for one that is unknown. Raises ValueError."""
    try:
        name: str = HealthCheckRequest.FromString(message).service
    except DecodeError as error:
        raise ValueError("not a HealthCheckRequest") from error
    return name if name in SERVICES else None


def status(*, serving: bool) -> bytes:
    """A HealthCheckResponse."""
    return wire.number(1, _SERVING if serving else _NOT_SERVING)
