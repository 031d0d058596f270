"""The reference implementation of gRPC: slower, with TLS and reflection. Needs the extra ``eco2-authz[grpcio]``."""

import logging
from typing import Final

import grpc
from envoy.service.auth.v3 import external_auth_pb2  # noqa: F401 - reflection shows what is registered by this
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from eco2_authz.rpc.status import PREFIX
from eco2_authz.transports import addresses
from eco2_authz.transports.server import CHECK_SERVICE, Answer, Options, Tls

_LARGEST_MESSAGE: Final = 4 * 1024 * 1024
"""What is read at all, in octets; what is too large for a question gets an answer, not a gRPC error."""

_log = logging.getLogger(__name__)


async def serve(answer: Answer, options: Options) -> "GrpcioServer":
    """Listen and answer. Raises OSError when the address cannot be had, or a certificate not be read."""
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
            ("grpc.max_concurrent_streams", options.limits.streams),
            ("grpc.max_metadata_size", options.limits.header_list),
            ("grpc.so_reuseport", int(options.shared)),
        ]
    )

    async def check(message: bytes, _: object) -> bytes:
        if PREFIX.size + len(message) > options.limits.body:
            return options.too_large()
        try:
            outcome = answer(message)
            return outcome if isinstance(outcome, bytes) else await outcome
        except Exception:
            _log.exception("a call could not be answered")
            return options.broken()

    # Without serializers: octets in, octets out.
    method: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(check)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(CHECK_SERVICE, {"Check": method}),))
    healths = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healths, server)
    reflection.enable_server_reflection((CHECK_SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    try:
        port = _listen(server, options)
    except RuntimeError as error:
        raise OSError(f"cannot listen on {options.address}: {error}") from error
    await server.start()
    return GrpcioServer(server, healths, options.address, port)


def _listen(server: grpc.aio.Server, options: Options) -> int:
    if options.tls is None:
        return server.add_insecure_port(options.address)
    return server.add_secure_port(options.address, _credentials(options.tls))


def _credentials(tls: Tls) -> grpc.ServerCredentials:
    pair = (tls.key.read_bytes(), tls.certificate.read_bytes())
    authority = tls.client_authority.read_bytes() if tls.client_authority else None
    return grpc.ssl_server_credentials([pair], authority, require_client_auth=authority is not None)


class GrpcioServer:
    """A server of grpcio."""

    def __init__(self, server: grpc.aio.Server, healths: health.aio.HealthServicer, address: str, port: int) -> None:
        self._server = server
        self._healths = healths
        self.address = address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"
        self.connections = None

    async def set_serving(self, serving: bool) -> None:
        """What the health method says."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for service in ("", CHECK_SERVICE):
            await self._healths.set(service, status)

    async def drain(self, seconds: float) -> None:
        """Take no new connections, let callers go elsewhere, answer what is begun, and end; in at most so long."""
        await self._healths.enter_graceful_shutdown()
        await self._server.stop(seconds)
        addresses.release(self.address)
