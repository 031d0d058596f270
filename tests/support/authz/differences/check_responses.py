"""CheckResponses, read with Envoy's full definition of them."""

import json
from random import Random
from typing import Any, Final

from envoy.config.core.v3.base_pb2 import HeaderValueOption
from envoy.service.auth.v3 import external_auth_pb2
from support.authz.differences.target import Case, Target

from eco2_authz.decision import ALLOWED, REASONS, Identity, Reason
from eco2_authz.protocol import check_response

_IDENTITY: Final = {f"x{a}user{b}id" for a in "-_" for b in "-_"} | {f"x{a}auth{b}provider" for a in "-_" for b in "-_"}
"""Names under which a service might find who is calling."""
_OWN_TROUBLE: Final = {Reason.REDIS_UNAVAILABLE, Reason.KEYS_UNAVAILABLE, Reason.INTERNAL}
_ALPHABETS: Final = ("abc-123", '\x00\x7f\r\n,;"\\', "é€\U0001f600", "x")


def _make(random: Random) -> Case:
    """Who it is, signed in by whom (or nobody says), or why not: reason and sentence."""
    texts = [_text(random), _text(random), _text(random)]
    return [*texts, bytes([random.randrange(len(REASONS)), random.randrange(2)])]


def _text(random: Random) -> bytes:
    alphabet = random.choice(_ALPHABETS)
    return "".join(random.choices(alphabet, k=random.choice((1, 3, 20, 127, 128, 300)))).encode()


def _check(case: Case) -> None:
    subject, provider, detail = (text.decode() for text in case[:3])
    choice, named = case[3]
    _check_allowed(Identity(subject, provider if named else None))
    _check_passed()
    reason = REASONS[choice]
    if reason not in ALLOWED:
        _check_denied(reason, detail)


def _check_allowed(identity: Identity) -> None:
    expected = {"x-user-id": identity.subject}
    if identity.provider is not None:
        expected["x-auth-provider"] = identity.provider
    response = _read(check_response.allowed(identity))
    assert response.status.code == 0
    assert response.WhichOneof("http_response") == "ok_response"
    _check_identity_headers(response.ok_response, expected)


def _check_passed() -> None:
    response = _read(check_response.passed())
    assert response.status.code == 0
    assert response.WhichOneof("http_response") == "ok_response"
    _check_identity_headers(response.ok_response, {})


def _check_identity_headers(ok: Any, expected: dict[str, str]) -> None:
    """Each name is set or removed, never both: Envoy removes last. And nothing else is touched."""
    assert _headers(ok.headers) == expected
    assert sorted(ok.headers_to_remove) == sorted(_IDENTITY - set(expected))
    assert not ok.response_headers_to_add
    assert not ok.query_parameters_to_set
    assert not ok.query_parameters_to_remove


def _headers(options: Any) -> dict[str, str]:
    for option in options:
        assert option.append_action == HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
        assert not option.HasField("append")
        assert not option.header.raw_value
    found = {option.header.key: option.header.value for option in options}
    assert len(found) == len(options)
    return found


def _check_denied(reason: Reason, detail: str) -> None:
    response = _read(check_response.denied(reason, detail))
    assert response.WhichOneof("http_response") == "denied_response"
    denied = response.denied_response
    headers = _headers(denied.headers)
    assert json.loads(denied.body) == {"reason": reason.value, "detail": detail}
    assert headers.pop("content-type") == "application/json"
    assert headers.pop("cache-control") == "no-store"
    if reason in _OWN_TROUBLE:
        assert (response.status.code, denied.status.code) == (14, 503)
        assert headers == {"retry-after": "1"}
    else:
        assert (response.status.code, denied.status.code) == (16, 401)
        error = "" if reason is Reason.MISSING_TOKEN else ' error="invalid_token"'
        assert headers == {"www-authenticate": f"Bearer{error}"}


def _read(octets: bytes) -> external_auth_pb2.CheckResponse:
    response = external_auth_pb2.CheckResponse.FromString(octets)
    assert response.SerializeToString(deterministic=True) == octets, "unknown or unordered fields"
    return response


TARGET: Final = Target("responses", "CheckResponses read with Envoy's own definition", _make, _check)
