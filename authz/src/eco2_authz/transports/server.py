"""What every transport is to the rest of the program."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from eco2_authz.http2.errors import ErrorCode
from eco2_authz.http2.limits import Limits

Answer = Callable[[bytes], bytes | Awaitable[bytes]]
"""From a CheckRequest to a CheckResponse, at once or later."""

CHECK_SERVICE: Final = "envoy.service.auth.v3.Authorization"
CHECK: Final = f"/{CHECK_SERVICE}/Check"
HEALTH: Final = "/grpc.health.v1.Health/Check"


@dataclass(frozen=True)
class Tls:
    """Files in PEM; `fast` serves in the clear alone, TLS is `grpcio`'s."""

    certificate: Path
    key: Path
    client_authority: Path | None = None
    """Callers have to show a certificate of this authority."""


@dataclass(frozen=True)
class Options:
    """How to listen and what to accept.

    Args:
        address: ``host:port`` (port 0: a free one) or ``unix:/path``.
        too_large: gives the CheckResponse for a question that is larger than any may be.
        broken: gives the CheckResponse when answering raises, which it should not. No error of gRPC: Envoy may
            have been told to let requests pass then.
        shared: several processes listen on the same port (SO_REUSEPORT).
        on_fault: told the code of every fault that ended a connection.
    """

    address: str
    too_large: Callable[[], bytes]
    broken: Callable[[], bytes]
    limits: Limits = field(default_factory=Limits)
    shared: bool = False
    tls: Tls | None = None
    on_fault: Callable[[ErrorCode], None] = lambda code: None


class Server(Protocol):
    """A server that listens."""

    @property
    def address(self) -> str:
        """Where: ``host:port`` with the real port, or ``unix:/path``."""
        ...

    @property
    def connections(self) -> int | None:
        """How many peers are connected; None where nobody counts them."""
        ...

    async def set_serving(self, serving: bool) -> None:
        """What the health method says."""
        ...

    async def drain(self, seconds: float) -> None:
        """Take no new connections, let callers go elsewhere, answer what is begun, and end; in at most so long."""
        ...
