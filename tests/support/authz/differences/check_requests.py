"""CheckRequests, beside Envoy's full definition of them."""

from contextlib import suppress
from random import Random
from typing import Any, Final

from envoy.service.auth.v3 import attribute_context_pb2, external_auth_pb2
from google.protobuf.message import DecodeError
from support.authz.differences.mutations import mutated
from support.authz.differences.target import Case, Target

from eco2_authz.protocol import check_request
from eco2_authz.protocol.schema import CheckRequest
from eco2_authz.request import Request

_Full: Final = external_auth_pb2.CheckRequest
_NAMES: Final = ("authorization", "Authorization", "cookie", "x-request-id", "x_user_id", ":path", "a", "")
_TEXTS: Final = ("", "a", "Bearer a.b.c", "/p?q=1", "GET", "session=1; b=2", "ü€", "x" * 200, "\x00\r\n")
_RAW: Final = (b"", b"Bearer a.b.c", b"\xff\xfe", b"\x80Bearer")
_UNKNOWN: Final = (b"", b"", b"", b"\xf8\x07\x01", b"\xfa\x07\x03abc", b"\xfb\x07\xfc\x07", b"\xfd\x07abcd")
"""Fields of number 127: an integer, octets, a group, four octets."""

# -- making ----------------------------------------------------------------------------------------------------------


def _make(random: Random) -> Case:
    choice = random.random()
    if choice < 0.03:
        return [random.randbytes(random.randrange(30))]
    octets = _message(random)
    if choice < 0.15:  # what comes twice is merged
        octets += _message(random)
    octets += random.choice(_UNKNOWN)
    return [mutated(random, octets) if choice > 0.6 else octets]


def _message(random: Random) -> bytes:
    message = _Full()
    attributes = message.attributes
    if random.random() < 0.95:
        _fill_http(random, attributes.request.http)
    if random.random() < 0.5:
        _fill_address(random, attributes.source.address)
    if random.random() < 0.2:
        attributes.source.principal = random.choice(_TEXTS)
        attributes.destination.address.socket_address.address = random.choice(_TEXTS)
        attributes.request.time.seconds = random.randrange(1 << 31)
    if random.random() < 0.2:
        attributes.context_extensions[random.choice(_TEXTS)] = random.choice(_TEXTS)
        attributes.metadata_context.filter_metadata["a"].fields["b"].string_value = random.choice(_TEXTS)
        attributes.tls_session.sni = random.choice(_TEXTS)
    octets: bytes = message.SerializeToString()
    return octets


def _fill_http(random: Random, http: attribute_context_pb2.AttributeContext.HttpRequest) -> None:
    http.path = random.choice(_TEXTS)
    http.method, http.host, http.id = random.choice(_TEXTS), random.choice(_TEXTS), random.choice(_TEXTS)
    for _ in range(random.choice((0, 1, 2, 4))):
        http.headers[random.choice(_NAMES)] = random.choice(_TEXTS)
    if random.random() < 0.4:
        http.header_map.SetInParent()
        for _ in range(random.choice((0, 1, 3, 5))):
            header = http.header_map.headers.add(key=random.choice(_NAMES))
            if random.random() < 0.4:
                header.value = random.choice(_TEXTS)
            if random.random() < 0.7:
                header.raw_value = random.choice(_RAW)
    if random.random() < 0.2:
        http.query, http.fragment, http.scheme = random.choice(_TEXTS), random.choice(_TEXTS), "http"
        http.size, http.protocol = random.choice((-1, 0, 1 << 40)), "HTTP/2"
        http.body, http.raw_body = random.choice(_TEXTS), random.choice(_RAW)


def _fill_address(random: Random, address: Any) -> None:
    choice = random.randrange(3)
    if choice == 0:
        address.socket_address.address = random.choice(("10.0.0.1", "::1", ""))
        address.socket_address.port_value = random.randrange(65_536)
    elif choice == 1:
        address.pipe.path = random.choice(_TEXTS)
    else:
        address.envoy_internal_address.server_listener_name = random.choice(_TEXTS)


# -- checking --------------------------------------------------------------------------------------------------------


def _check(case: Case) -> None:
    (octets,) = case
    found = expected = None
    with suppress(check_request.MalformedRequest):
        found = check_request.read(octets)
    try:
        full = _Full.FromString(octets)
    except DecodeError:
        # The full definition also refuses what is wrong within fields that we do not look at (text that is no UTF-8, a
        # message cut off). What we have read has to be right all the same: it says so itself when it is written again.
        if found is None:
            return
        read = CheckRequest.FromString(octets)
        read.DiscardUnknownFields()
        full = _Full.FromString(read.SerializeToString())
    expected = _expected(full)
    assert found == expected


def _expected(message: external_auth_pb2.CheckRequest) -> Request | None:
    attributes = message.attributes
    http = attributes.request.http
    if not http.path:
        return None
    return Request(
        method=http.method,
        path=http.path,
        host=http.host,
        request_id=dict(http.headers).get("x-request-id") or http.id,
        authorization=_values(http, "authorization"),
        cookies=_values(http, "cookie"),
    )


def _values(http: attribute_context_pb2.AttributeContext.HttpRequest, name: str) -> tuple[str, ...]:
    """Whatever comes under a name, in the map or in the list."""
    mapped = [value for key, value in http.headers.items() if key == name]
    listed = [header for header in http.header_map.headers if header.key.lower() == name]
    return (*mapped, *("".join(map(chr, header.raw_value)) or header.value for header in listed))


TARGET: Final = Target("requests", "CheckRequests beside Envoy's own definition", _make, _check)
