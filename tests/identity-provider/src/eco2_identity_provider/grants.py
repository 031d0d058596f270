"""Authorization codes and access tokens, in memory."""

import base64
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from eco2_identity_provider.users import User

CODE_SECONDS: Final = 60.0
TOKEN_SECONDS: Final = 3600
"""An hour, as Google and Naver give; Kakao's are longer, which nobody here waits for."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a user agreed to.

    Attributes:
        challenge: S256 code challenge (RFC 7636), None when none was sent.
    """

    user: User
    redirect_uri: str
    state: str | None
    nonce: str | None
    challenge: str | None
    scopes: frozenset[str]

    def proves(self, verifier: str | None) -> bool:
        """Whether the code verifier is the one behind the challenge (RFC 7636 section 4.6)."""
        if self.challenge is None:
            return True
        digest = sha256((verifier or "").encode()).digest()
        return self.challenge == base64.urlsafe_b64encode(digest).decode().rstrip("=")


class Grants:
    """Codes that were not used yet, and the tokens they became."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._codes: dict[str, tuple[float, Grant]] = {}
        self._tokens: dict[str, tuple[float, Grant]] = {}

    def code(self, grant: Grant, prefix: str = "") -> str:
        """A new code for it."""
        code = prefix + secrets.token_urlsafe(32)
        self._codes[code] = (self._clock() + CODE_SECONDS, grant)
        return code

    def redeem(self, code: str | None) -> Grant | None:
        """What the code was given for; once, and within its time."""
        until, grant = self._codes.pop(code or "", (0.0, None))
        return grant if self._clock() < until else None

    def token(self, grant: Grant) -> str:
        """A new access token for it."""
        token = secrets.token_urlsafe(48)
        self._tokens[token] = (self._clock() + TOKEN_SECONDS, grant)
        return token

    def holder(self, token: str | None) -> Grant | None:
        """What the token stands for, while it is valid."""
        until, grant = self._tokens.get(token or "", (0.0, None))
        return grant if self._clock() < until else None

    def clear(self) -> None:
        """Forget all of them."""
        self._codes.clear()
        self._tokens.clear()
