"""The requests that are sent: CheckRequests as Envoy makes them, and the HTTP requests it makes them of."""

import struct
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from envoy.service.auth.v3.external_auth_pb2 import CheckRequest

HOST: Final = "api.dev.growbin.app"
PATH: Final = "/api/v1/scan/categories?lang=ko"
PROBE: Final = "/probe"
"""Where Envoy tells what the identity headers have become."""
CLIENT: Final = "203.0.113.27"

_BROWSER: Final = (
    ("accept", "application/json, text/plain, */*"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("accept-language", "ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7"),
    ("origin", "https://app.growbin.app"),
    ("referer", "https://app.growbin.app/"),
    ("sec-fetch-dest", "empty"),
    ("sec-fetch-mode", "cors"),
    ("user-agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"),
)
_GATEWAY: Final = (
    ("x-envoy-external-address", CLIENT),
    ("x-forwarded-for", CLIENT),
    ("x-forwarded-proto", "https"),
)


def check_request(token: str) -> bytes:
    """A CheckRequest with 18 headers; about 1,260 octets with a token of HS256."""
    identity = str(uuid.uuid4())
    headers = (
        (":authority", HOST),
        (":method", "GET"),
        (":path", PATH),
        (":scheme", "https"),
        *_BROWSER,
        *_GATEWAY,
        ("authorization", f"Bearer {token}"),
        ("x-request-id", identity),
        ("x-device", "ios-3.4.1"),
    )
    message = CheckRequest()
    attributes = message.attributes
    for peer, address, port in ((attributes.source, CLIENT, 51820), (attributes.destination, "10.244.3.17", 8080)):
        peer.address.socket_address.address = address
        peer.address.socket_address.port_value = port
    attributes.request.time.GetCurrentTime()
    http = attributes.request.http
    http.id = str(uuid.uuid4().int % 10**19)
    http.method, http.path, http.host, http.scheme, http.protocol = "GET", PATH, HOST, "https", "HTTP/1.1"
    http.headers.update(headers)
    attributes.metadata_context.SetInParent()
    attributes.route_metadata_context.SetInParent()
    return bytes(message.SerializeToString())


def http_request(token: str, *, path: str = PATH) -> bytes:
    """The same as Envoy's listener gets it; what the gateway adds it adds itself."""
    lines = (("host", HOST), *_BROWSER, ("authorization", f"Bearer {token}"), ("x-device", "ios-3.4.1"))
    return b"".join((f"GET {path} HTTP/1.1\r\n".encode(), *(f"{n}: {v}\r\n".encode() for n, v in lines), b"\r\n"))


def write(path: Path, messages: Iterable[bytes]) -> Path:
    """Messages one after the other, each after a zero octet and four of its length, as gRPC frames them."""
    with path.open("wb") as file:
        for message in messages:
            file.write(struct.pack(">BI", 0, len(message)) + message)
    return path


def average(messages: Sequence[bytes]) -> int:
    """Octets of a message."""
    return sum(map(len, messages)) // len(messages)
