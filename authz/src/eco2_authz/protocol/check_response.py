"""Our answer to Envoy (envoy.service.auth.v3.CheckResponse).

Envoy sets headers first and removes afterwards: a name that is in both lists ends up removed. So a header is either
set or removed, never both.
"""

from functools import lru_cache
from http import HTTPStatus
from typing import Final

import orjson

from eco2_authz.decision import Identity, Reason
from eco2_authz.protocol import wire

USER: Final = "x-user-id"
PROVIDER: Final = "x-auth-provider"
TWINS: Final = ("x_user_id", "x_user-id", "x-user_id", "x_auth_provider", "x_auth-provider", "x-auth_provider")
"""Names that CGI, WSGI and PHP take for the same (CVE-2025-64484)."""

_OWN_TROUBLE: Final = frozenset({Reason.REDIS_UNAVAILABLE, Reason.KEYS_UNAVAILABLE, Reason.INTERNAL})

# Field numbers of the messages.
_STATUS, _DENIED, _OK = 1, 2, 3
_STATUS_CODE = 1
_OK_HEADERS, _OK_REMOVE = 2, 5
_DENIED_STATUS, _DENIED_HEADERS, _DENIED_BODY = 1, 2, 3
_OPTION_HEADER, _OPTION_ACTION = 1, 3
_HEADER_KEY, _HEADER_VALUE = 1, 2
_OVERWRITE_IF_EXISTS_OR_ADD = 2
_UNAUTHENTICATED, _UNAVAILABLE = 16, 14  # google.rpc.Code

_ALLOWED: Final = wire.message(_STATUS, b"")


def _header(name: str, value: str) -> bytes:
    """A HeaderValueOption that leaves one header of the name, ours."""
    header = wire.text(_HEADER_KEY, name) + wire.text(_HEADER_VALUE, value)
    return wire.message(_OPTION_HEADER, header) + wire.number(_OPTION_ACTION, _OVERWRITE_IF_EXISTS_OR_ADD)


def _remove(*names: str) -> bytes:
    return b"".join(wire.text(_OK_REMOVE, name) for name in names)


_REMOVE_TWINS: Final = _remove(*TWINS)
_REMOVE_PROVIDER: Final = _remove(PROVIDER, *TWINS)


def allowed(identity: Identity) -> bytes:
    """Let the request through, as this user: the identity headers say so, whatever the client has sent."""
    headers = wire.message(_OK_HEADERS, _header(USER, identity.subject))
    if identity.provider is None:
        headers += _REMOVE_PROVIDER
    else:
        headers += wire.message(_OK_HEADERS, _header(PROVIDER, identity.provider)) + _REMOVE_TWINS
    return _ALLOWED + wire.message(_OK, headers)


@lru_cache(maxsize=1)
def passed() -> bytes:
    """Let the request through as nobody: identity headers of the client are removed."""
    return _ALLOWED + wire.message(_OK, _remove(USER, PROVIDER, *TWINS))


@lru_cache(maxsize=256)
def denied(reason: Reason, detail: str) -> bytes:
    """Refuse the request: 401 with a challenge (RFC 6750, section 3), or 503 when the trouble is our own."""
    body = orjson.dumps({"detail": detail, "reason": reason.value}).decode()
    if reason in _OWN_TROUBLE:
        return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, _UNAVAILABLE, {"retry-after": "1"}, body)
    challenge = "Bearer" if reason is Reason.MISSING_TOKEN else 'Bearer error="invalid_token"'
    return _refusal(HTTPStatus.UNAUTHORIZED, _UNAUTHENTICATED, {"www-authenticate": challenge}, body)


def _refusal(status: HTTPStatus, code: int, headers: dict[str, str], body: str) -> bytes:
    fields = {"content-type": "application/json", "cache-control": "no-store", **headers}
    response = wire.message(_DENIED_STATUS, wire.number(1, status))
    response += b"".join(wire.message(_DENIED_HEADERS, _header(name, value)) for name, value in fields.items())
    response += wire.text(_DENIED_BODY, body)
    return wire.message(_STATUS, wire.number(_STATUS_CODE, code)) + wire.message(_DENIED, response)
