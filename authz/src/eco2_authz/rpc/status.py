"""How a gRPC call ends, encoded for HTTP/2."""

from enum import IntEnum
from functools import lru_cache
from struct import Struct
from typing import Final
from urllib.parse import quote

from eco2_authz.http2.application import Response
from eco2_authz.http2.hpack.encoder import encode

PREFIX: Final = Struct(">BL")
"""Before each message: whether it is compressed, and its length."""
_CONTENT_TYPE: Final = (b"content-type", b"application/grpc")
HEADERS: Final = encode([(b":status", b"200"), _CONTENT_TYPE])
TRAILERS: Final = encode([(b"grpc-status", b"0")])


class Status(IntEnum):
    """Status codes (grpc/doc/statuscodes.md), those in use here."""

    OK = 0
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13


def success(message: bytes) -> Response:
    """A call that was answered."""
    return Response(HEADERS, PREFIX.pack(0, len(message)) + message, TRAILERS)


@lru_cache(maxsize=64)
def failure(status: Status, message: str) -> Response:
    """A call that was not: headers alone, with the status in them."""
    headers = [(b":status", b"200"), _CONTENT_TYPE, (b"grpc-status", b"%d" % status)]
    return Response(encode([*headers, (b"grpc-message", quote(message, safe=" ,.:;()/'").encode())]), b"", None)


@lru_cache(maxsize=64)
def no_grpc(status: int, message: str) -> Response:
    """The answer to a request that is no gRPC call at all."""
    body = message.encode() + b"\n"
    fields = [(b":status", b"%d" % status), (b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    return Response(encode(fields), body, None)
