"""Access tokens as the domain auth will issue them."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from eco2_sample.keys import base64url, public_jwk, sign


@dataclass(frozen=True)
class Issuer:
    """Signs tokens.

    Args:
        name: the claim ``iss``.
    """

    name: str
    key: RSAPrivateKey

    def jwks(self) -> dict[str, Any]:
        """The document that tokens are verified with."""
        return {"keys": [public_jwk(self.key)]}

    def issue(self, subject: str, *, now: int, seconds: int) -> str:
        """A token that expires after so many seconds; negative: that has expired."""
        header = {"alg": "RS256", "kid": public_jwk(self.key)["kid"], "typ": "JWT"}
        claims = {
            "iss": self.name,
            "sub": subject,
            "jti": str(uuid.uuid4()),
            "iat": min(now, now + seconds),
            "exp": now + seconds,
            "type": "access",
            "provider": "stand-in",
        }
        message = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
        return f"{message}.{base64url(sign(self.key, message.encode()))}"
