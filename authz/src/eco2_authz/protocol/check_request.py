"""Envoy's question: which request is it that should be let through?"""

from typing import Any, Final

from google.protobuf.message import DecodeError

from eco2_authz.protocol.schema import CheckRequest
from eco2_authz.request import Request

_AUTHORIZATION: Final = "authorization"
_COOKIE: Final = "cookie"
_REQUEST_ID: Final = "x-request-id"

_parse: Final = CheckRequest.FromString


class MalformedRequest(ValueError):
    """Not a CheckRequest, or one without an HTTP request."""


def read(message: bytes) -> Request:
    """The HTTP request in a CheckRequest. Raises MalformedRequest.

    Envoy sends headers as a map in which it has joined those of one name, or, with ``encode_raw_headers``, as a list
    in which each has kept its own entry; of a list nothing may be lost, so values are kept apart.
    """
    try:
        http = _parse(message).attributes.request.http
    except DecodeError as error:
        raise MalformedRequest("not a CheckRequest") from error
    path = http.path
    if not path:
        raise MalformedRequest("a CheckRequest without a path")
    get = http.headers.get
    authorization, cookie = get(_AUTHORIZATION), get(_COOKIE)
    authorizations: tuple[str, ...] = () if authorization is None else (authorization,)
    cookies: tuple[str, ...] = () if cookie is None else (cookie,)
    if http.HasField("header_map"):
        authorizations += _listed(http.header_map, _AUTHORIZATION)
        cookies += _listed(http.header_map, _COOKIE)
    # By position: keywords would cost as much as reading two fields.
    return Request(http.method, path, http.host, get(_REQUEST_ID) or http.id, authorizations, cookies)


def _listed(header_map: Any, name: str) -> tuple[str, ...]:
    """Every value of a name in a list; octets that are not ASCII stay visible as such."""
    return tuple(
        header.raw_value.decode("latin-1") or header.value
        for header in header_map.headers
        if header.key.lower() == name
    )
