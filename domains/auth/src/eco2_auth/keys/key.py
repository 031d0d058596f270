"""Keys, and what tokens need of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from joserfc.jwk import OctKey, RSAKey

from eco2_auth.keys.jwks import Document


@dataclass(frozen=True)
class Key:
    """A key that signs or checks.

    Args:
        kid: its name in the header of tokens; None for a shared secret, which has none.
        value: for joserfc.
    """

    kid: str | None
    value: RSAKey | OctKey


class Keys(Protocol):
    """Where keys come from. All of one algorithm: RS256 or HS256, never both."""

    @property
    def algorithm(self) -> str:
        """The only one that tokens may name."""
        ...

    def signer(self) -> Key:
        """The one that signs at this moment. Raises KeysUnavailable."""
        ...

    def own(self, kid: str | None) -> Key | None:
        """The one of this name, if this process can sign with it."""
        ...

    async def find(self, kid: str | None) -> Key | None:
        """The one of this name that tokens may be signed with. Raises KeysUnavailable."""
        ...

    async def document(self) -> Document:
        """What is published for others. Raises KeysUnavailable."""
        ...
