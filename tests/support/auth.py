"""What tests of the domain auth share: a clock, keys that need no database, and a look into tokens."""

import base64
import json
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from eco2_auth.keys.bundle import read_bundle
from eco2_auth.keys.jwks import Document, document
from eco2_auth.keys.key import Key
from eco2_auth.settings import Settings
from eco2_auth.tokens import Tokens
from eco2_identity_provider.testing import REDIRECT_BASE, RunningProviders
from support.auth_browser import FRONTEND
from support.services import SERVICE_TOKEN

ISSUER = "https://api.test"
AUDIENCE = "eco2"
ACCESS_TTL, REFRESH_TTL = 259_200, 518_400
"""Three days and six."""


class Clock:
    """Seconds since 1970. It starts with the real time, since Redis expires keys by that, and moves when told to."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))  # whole seconds: sums of them are exact

    def __call__(self) -> float:
        """The time."""
        return self.now

    def pass_(self, seconds: float) -> None:
        """Let time go by."""
        self.now += seconds


def new_pem(bits: int = 2048) -> str:
    """A private key as it stands in JWT_SIGNING_KEYS."""
    key = generate_private_key(65537, bits)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class FixedKeys:
    """RSA keys of which the first signs; others are known, too."""

    algorithm = "RS256"

    def __init__(self, *pems: str) -> None:
        self.bundle = [Key(key.kid, key.value) for key in read_bundle("".join(pems))]

    def signer(self) -> Key:
        """The first."""
        return self.bundle[0]

    def own(self, kid: str | None) -> Key | None:
        """One of them."""
        return next((key for key in self.bundle if key.kid == kid), None)

    async def find(self, kid: str | None) -> Key | None:
        """One of them."""
        return self.own(kid)

    async def document(self) -> Document:
        """Nothing that is published."""
        return document(())


def tokens(keys: Any, clock: Clock, *, issuer: str | None = ISSUER, audience: str | None = AUDIENCE) -> Tokens:
    """A maker of tokens."""
    ttl = {"access_ttl": ACCESS_TTL, "refresh_ttl": REFRESH_TTL}
    return Tokens(keys, issuer=issuer, audience=audience, clock=clock, **ttl)


def part(token: str, number: int) -> dict[str, Any]:
    """The header (0) or the claims (1) of a token, whoever signed it."""
    text = token.split(".")[number]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def settings(providers: RunningProviders | None = None, **changes: Any) -> Settings:
    """Settings of a test: whatever is not given is as in production, but for the addresses of the providers."""
    given: dict[str, Any] = {
        "CHARACTER_SERVICE_TOKEN_SECRET": SERVICE_TOKEN,
        "jwt_issuer": ISSUER,
        "jwt_audience": AUDIENCE,
        "oauth_redirect_base": REDIRECT_BASE,
        "frontend_redirect_allow": FRONTEND,
        "cors_allow_origins": (FRONTEND,),
        "login_per_minute": 1000,
        "refresh_per_minute": 1000,
    }
    if providers is not None:
        for name in ("google", "kakao", "naver"):
            client = providers.client(name)
            given |= {f"{name}_client_id": client.id, f"{name}_client_secret": client.secret}
        given |= {
            "google_issuer": providers.issuer("google"),
            "kakao_issuer": providers.issuer("kakao"),
            "naver_auth_url": providers.issuer("naver"),
            "naver_api_url": providers.issuer("naver"),
        }
    return Settings(**{**given, **changes})


def environment(settings: Settings) -> dict[str, str]:
    """The same for a process."""
    found = {}
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        if value is not None:
            variable = str(field.validation_alias or name).upper()
            found[variable] = ",".join(value) if isinstance(value, tuple) else str(value)
    return found
