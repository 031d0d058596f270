"""ID tokens (OpenID Connect Core 1.0, section 2), right and wrong."""

import base64
import hmac
import json
from hashlib import sha256
from typing import Any, Final

from eco2_identity_provider.grants import TOKEN_SECONDS
from eco2_identity_provider.realm import Realm
from eco2_identity_provider.troubles import Trouble

SOMEBODY: Final = "somebody-else"
"""A client, a nonce, a party that is not meant."""
_UNSIGNED: Final = b'{"alg":"none"}'


def id_token(realm: Realm, subject: str, nonce: str | None, claims: dict[str, Any]) -> str:
    """One for a subject, spoilt as the script says.

    Args:
        claims: what the provider adds of its own.
    """
    now = int(realm.clock())
    body: dict[str, Any] = {
        "iss": realm.issuer,
        "aud": realm.client.id,
        "sub": subject,
        "iat": now,
        "exp": now + TOKEN_SECONDS,
        **claims,
    }
    if nonce is not None:
        body["nonce"] = nonce
    _spoil(realm, body)
    return _sign(realm, json.dumps(body, separators=(",", ":")).encode())


def _spoil(realm: Realm, body: dict[str, Any]) -> None:
    now = body["iat"]
    wrong: dict[Trouble, dict[str, Any]] = {
        Trouble.WRONG_NONCE: {"nonce": SOMEBODY},
        Trouble.WRONG_AUDIENCE: {"aud": SOMEBODY},
        Trouble.SHARED_AUDIENCE: {"aud": [body["aud"], SOMEBODY], "azp": None},
        Trouble.WRONG_PARTY: {"azp": SOMEBODY},
        Trouble.WRONG_ISSUER: {"iss": "https://issuer.example.com"},
        Trouble.EXPIRED: {"iat": now - 2 * TOKEN_SECONDS, "exp": now - TOKEN_SECONDS},
        Trouble.FROM_THE_FUTURE: {"iat": now + TOKEN_SECONDS, "exp": now + 2 * TOKEN_SECONDS},
        Trouble.NO_SUBJECT: {"sub": None},
        Trouble.NO_NONCE_CLAIM: {"nonce": None},
    }
    for trouble, values in wrong.items():
        if trouble in realm.script:
            body.update(values)
    for name in [name for name, value in body.items() if value is None]:
        del body[name]


def _sign(realm: Realm, payload: bytes) -> str:
    script, keys = realm.script, realm.keys
    if Trouble.UNSIGNED in script:
        return f"{_part(_UNSIGNED)}.{_part(payload)}."
    if Trouble.SYMMETRIC in script:
        header = json.dumps({"alg": "HS256", "kid": keys.kid}).encode()
        signed = f"{_part(header)}.{_part(payload)}"
        return f"{signed}.{_part(hmac.digest(realm.client.secret.encode(), signed.encode(), sha256))}"
    if Trouble.FORGED in script:
        return keys.sign(payload, kid=keys.kid, stranger=True)
    if Trouble.NAMELESS_KEY in script:
        return keys.sign(payload, kid="")
    return keys.sign(payload, stranger=Trouble.UNKNOWN_KEY in script)


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
