"""HS256: one secret that signs and checks. An option; whoever checks tokens could then make them, too."""

from __future__ import annotations

from typing import Final

from joserfc.jwk import OctKey

from eco2_auth.keys.jwks import Document, document
from eco2_auth.keys.key import Key


class SharedSecret:
    """The secret as `Keys`. It has no name, and nothing is published.

    Args:
        secret: at least 32 bytes (RFC 7518, section 3.2).
    """

    algorithm: Final = "HS256"

    def __init__(self, secret: str) -> None:
        self._key = Key(None, OctKey.import_key(secret))
        self._document = document(())

    def signer(self) -> Key:
        """The secret."""
        return self._key

    def own(self, kid: str | None) -> Key | None:
        """The secret, for tokens without a name."""
        return self._key if kid is None else None

    async def find(self, kid: str | None) -> Key | None:
        """The secret, for tokens without a name."""
        return self.own(kid)

    async def document(self) -> Document:
        """The empty set."""
        return self._document
