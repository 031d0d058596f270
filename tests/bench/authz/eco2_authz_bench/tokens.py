"""Access tokens as the auth service signs them, and the keys by which servers verify them."""

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

SECRET: Final = "bench-0123456789abcdef0123456789abcdef-bench"  # noqa: S105  of nothing but the bench
KEY_NAME: Final = "bench-2026-11"
ISSUER: Final = "https://auth.growbin.app"
AUDIENCE: Final = "eco2-api"
LIFETIME: Final = 86_400
"""Seconds; longer than any run."""


@dataclass(frozen=True)
class Token:
    """One token, and the id by which it can be revoked."""

    text: str
    jti: str
    subject: str


class Issuer:
    """Signs with HS256 or RS256 (2,048 bits)."""

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self._key: str | RSAPrivateKey = SECRET if algorithm == "HS256" else generate_private_key(65537, 2048)

    def environ(self, folder: Path) -> dict[str, str]:
        """What a server's environment says of the keys; public ones are written into a folder."""
        names = {"JWT_ALGORITHMS": self.algorithm, "JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE}
        if isinstance(self._key, str):
            return {**names, "JWT_SECRET_KEY": self._key}
        key = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        published = {"kty": key["kty"], "n": key["n"], "e": key["e"], "kid": KEY_NAME, "use": "sig", "alg": "RS256"}
        path = folder / "jwks.json"
        path.write_text(json.dumps({"keys": [published]}))
        return {**names, "JWKS_FILE": str(path)}

    def tokens(self, count: int) -> list[Token]:
        """Different tokens of different users."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            return list(pool.map(lambda _: self.token(), range(count)))

    def token(self, **claims: Any) -> Token:
        """A good one, but for the claims that are given."""
        now, jti, subject = int(time.time()), str(uuid.uuid4()), str(uuid.uuid4())
        payload = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "provider": "kakao",
            "jti": jti,
            "type": "access",
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME,
            **claims,
        }
        return Token(jwt.encode(payload, self._key, self.algorithm, {"kid": KEY_NAME}), jti, subject)

    def forged(self) -> Token:
        """One of another key with the same name."""
        other = Issuer(self.algorithm)
        if isinstance(other._key, str):
            other._key = other._key[::-1]
        return other.token()
