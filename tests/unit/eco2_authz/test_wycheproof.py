"""The vectors of Project Wycheproof, at the level of signatures: their payloads are no claims."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.eco2_authz.tokens import PUBLIC_KEYS

from eco2_authz.decision import Refused
from eco2_authz.errors import KeysUnavailable
from eco2_authz.keys.jwk import parse_jwks
from eco2_authz.keys.keyset import KeySet
from eco2_authz.token.base64url import decode, translated
from eco2_authz.token.compact import take_apart

HOME = Path(__file__).parents[2] / "data" / "wycheproof"
FILES = (
    "json_web_signature_test.json",
    "json_web_key_test.json",
    "json_web_crypto_test.json",
    "json_web_encryption_test.json",
)
OURS = {"HS256", "RS256", "ES256"}
EXCEPTIONS = {
    ("json_web_signature_test.json", 367): True,  # said to be invalid, but byte for byte the valid number 357
    ("json_web_signature_test.json", 370): True,  # likewise
    ("json_web_signature_test.json", 372): False,  # said to be valid, but '?' is not in the alphabet of base64url
    ("json_web_signature_test.json", 373): False,  # likewise
}
Group = dict[str, Any]


def _vectors(name: str) -> list[Any]:
    return [
        pytest.param(
            group,
            _text(test.get("jws", test.get("jwe"))),
            EXCEPTIONS.get((name, test["tcId"]), test["result"] == "valid" and _is_for_us(group)),
            id=f"{name.removesuffix('_test.json')}-{test['tcId']}-{test['comment']}",
        )
        for group in json.loads((HOME / name).read_text())["testGroups"]
        for test in group["tests"]
    ]


def _text(vector: Any) -> str:
    return vector if isinstance(vector, str) else json.dumps(vector)


def _members(group: Group) -> list[dict[str, Any]]:
    jwk = group.get("public") or group["private"]
    members: list[dict[str, Any]] = jwk.get("keys", [jwk])
    return members


def _is_for_us(group: Group) -> bool:
    """What is valid by other algorithms, or by one of several shared secrets, is refused all the same."""
    members = _members(group)
    secrets = [member for member in members if member["kty"] == "oct"]
    return all(member.get("alg") in OURS for member in members) and len(secrets) < 2


def _keys(group: Group) -> KeySet:
    members = _members(group)
    if [member["kty"] for member in members] == ["oct"] and members[0].get("alg") == "HS256":
        return KeySet.of_secret(decode(translated(members[0]["k"].encode())))
    return parse_jwks(json.dumps({"keys": members}).encode(), PUBLIC_KEYS)


@pytest.mark.parametrize(("group", "text", "good"), [vector for name in FILES for vector in _vectors(name)])
def test_a_signature_is_good_or_not(group: Group, text: str, good: bool) -> None:
    try:
        keys = _keys(group)
        parts = take_apart(text, limit=8192)
    except (Refused, KeysUnavailable):
        accepted = False
    else:
        key = keys.find(parts.header.kid, parts.header.alg)
        accepted = key is not None and key.verifies(parts.signed, parts.signature)
    assert accepted is good
