"""Our answers: one of each kind as a whole. Their laws are in tests/property/test_check_messages.py."""

from typing import Any

import pytest
from envoy.service.auth.v3.external_auth_pb2 import CheckResponse
from google.protobuf.json_format import MessageToDict

from eco2_authz.decision import Identity, Reason
from eco2_authz.protocol import check_response

TWINS = ["x_user_id", "x_user-id", "x-user_id", "x_auth_provider", "x_auth-provider", "x-auth_provider"]


def read(octets: bytes) -> dict[str, Any]:
    return MessageToDict(CheckResponse.FromString(octets))


def header(key: str, value: str) -> dict[str, Any]:
    return {"header": {"key": key, "value": value}, "appendAction": "OVERWRITE_IF_EXISTS_OR_ADD"}


def test_allowed_with_a_provider() -> None:
    assert read(check_response.allowed(Identity("42", "kakao"))) == {
        "status": {},
        "okResponse": {
            "headers": [header("x-user-id", "42"), header("x-auth-provider", "kakao")],
            "headersToRemove": TWINS,
        },
    }


def test_allowed_without_a_provider() -> None:
    assert read(check_response.allowed(Identity("42", None)))["okResponse"] == {
        "headers": [header("x-user-id", "42")],
        "headersToRemove": ["x-auth-provider", *TWINS],
    }


def test_passed() -> None:
    assert read(check_response.passed()) == {
        "status": {},
        "okResponse": {"headersToRemove": ["x-user-id", "x-auth-provider", *TWINS]},
    }


@pytest.mark.parametrize(
    ("reason", "challenge"),
    [(Reason.MISSING_TOKEN, "Bearer"), (Reason.EXPIRED, 'Bearer error="invalid_token"')],
)
def test_denied(reason: Reason, challenge: str) -> None:
    assert read(check_response.denied(reason, "No way.")) == {
        "status": {"code": 16},
        "deniedResponse": {
            "status": {"code": "Unauthorized"},
            "headers": [
                header("content-type", "application/json"),
                header("cache-control", "no-store"),
                header("www-authenticate", challenge),
            ],
            "body": f'{{"detail":"No way.","reason":"{reason.value}"}}',
        },
    }


@pytest.mark.parametrize("reason", [Reason.REDIS_UNAVAILABLE, Reason.KEYS_UNAVAILABLE, Reason.INTERNAL])
def test_trouble_of_our_own(reason: Reason) -> None:
    found = read(check_response.denied(reason, "Later."))
    assert found["status"] == {"code": 14}
    assert found["deniedResponse"]["status"] == {"code": "ServiceUnavailable"}
    assert header("retry-after", "1") in found["deniedResponse"]["headers"]
