"""The keys of one moment."""

from collections.abc import Iterable
from typing import Final

from eco2_authz.errors import KeysUnavailable
from eco2_authz.token.signature import HmacKey, Key

MIN_SECRET: Final = 32
"""Bytes of a shared secret: as many as the hash has (RFC 7518, section 3.2)."""
_PUBLIC_KEYS: Final = (b"-----BEGIN ", b"---- BEGIN ", b"ssh-", b"ecdsa-", b"{")
"""How written keys of a key pair begin: PEM, SSH and JWK."""


class KeySet:
    """Keys that do not change any more.

    Args:
        keys: no two of the same name.
        generation: which of its source's sets this is, counted from 1.
        ignored: what was left out of it, and why; for the log.
    """

    __slots__ = ("_by_name", "_names", "_only", "_secret", "generation", "ignored", "keys")

    def __init__(self, keys: Iterable[Key] = (), *, generation: int = 0, ignored: tuple[str, ...] = ()) -> None:
        self.keys: Final = frozenset(keys)
        self.generation: Final = generation
        self.ignored: Final = ignored
        self._by_name = {(key.kid, key.alg): key for key in self.keys if key.kid is not None}
        self._names = frozenset(key.kid for key in self.keys)
        self._secret = next((key for key in self.keys if isinstance(key, HmacKey)), None)
        self._only: dict[str, Key | None] = {}
        for key in self.keys:
            self._only[key.alg] = None if key.alg in self._only else key

    @classmethod
    def of_secret(cls, secret: bytes) -> "KeySet":
        """The set of one shared secret.

        Raises:
            KeysUnavailable: it is short, or it is a public key, so that anybody could sign with it. Says what is
                wrong with it as the rest of a sentence, and nothing of it.
        """
        if len(secret) < MIN_SECRET:
            raise KeysUnavailable(f"must have at least {MIN_SECRET} bytes")
        if secret.lstrip().startswith(_PUBLIC_KEYS):
            raise KeysUnavailable("is a key of a key pair; for those use JWKS_URL or JWKS_FILE")
        return cls((HmacKey(secret),), generation=1)

    def find(self, kid: str | None, alg: str) -> Key | None:
        """The key of that name for that algorithm.

        Without a name (None) the one key for the algorithm, if there is no second. A shared secret has no name and
        is found by any.
        """
        if self._secret is not None:
            return self._secret if alg == self._secret.alg else None
        return self._only.get(alg) if kid is None else self._by_name.get((kid, alg))

    def knows(self, kid: str) -> bool:
        """Whether a key of that name is there, for whatever algorithm."""
        return kid in self._names
