"""Tokens that were verified, so that their next use does not cost a verification."""

from typing import Final

from eco2_authz.check import Verified
from eco2_authz.keys.keyset import KeySet

ENTRY: Final = 1_024
"""Bytes that a token takes beside its own characters: what is kept of it, its answer, its places in the tables."""


class _Generation(dict[str, Verified]):
    """Tokens last used in the same stretch of time, and their size in bytes."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        super().__init__()
        self.size = 0

    def add(self, token: str, verified: Verified) -> None:
        self[token] = verified
        self.size += _cost(token)

    def take(self, token: str) -> Verified | None:
        """Remove it."""
        found = self.pop(token, None)
        if found is not None:
            self.size -= _cost(token)
        return found


class TokenCache:
    """Bounded memory of verified tokens. A refusal is never remembered, and revocation is asked elsewhere.

    Two generations keep it cheap: a hit is one look into the young one, and a hit in the old one makes a token young
    again. When the young one has half of what there may be, it becomes the old one, and what was not used for so long
    is out of reach. That is freed little by little, as new tokens come: 100,000 at once would be a pause.

    Args:
        entries: how many tokens at most; below 2 none is remembered.
        size: how many bytes at most, by the tokens' length and `ENTRY`.
    """

    __slots__ = ("_buried", "_half_entries", "_half_size", "_ids", "_old", "_young")

    def __init__(self, entries: int, size: int) -> None:
        self._half_entries = entries // 2
        self._half_size = size // 2
        self._young = _Generation()
        self._old = _Generation()
        self._buried = _Generation()
        """Out of reach and to be freed. With the young ones, never more than half of what there may be."""
        self._ids: dict[str, str | set[str]] = {}
        """The token, or tokens, of each ``jti``. Two of one are no fault: every ES256 signature (r, s) has a twin."""

    def get(self, token: str) -> Verified | None:
        """What is known of a token."""
        found = self._young.get(token)
        return found if found is not None else self._rejuvenated(token)

    def put(self, token: str, verified: Verified) -> None:
        """Remember a token."""
        cost = _cost(token)
        if self._half_entries < 1 or cost > self._half_size or token in self._young:
            return
        self._old.take(token)
        if len(self._young) >= self._half_entries or self._young.size + cost > self._half_size:
            self._free(0, 0)
            self._young, self._old, self._buried = _Generation(), self._young, self._old
        self._young.add(token, verified)
        self._add_id(verified.jti, token)
        self._free(self._half_entries - len(self._young), self._half_size - self._young.size)

    def drop_jti(self, jti: str) -> None:
        """Forget the tokens of this id."""
        tokens = self._ids.get(jti, ())
        for token in (tokens,) if isinstance(tokens, str) else tuple(tokens):
            self._drop(token)

    def retain(self, keys: KeySet) -> None:
        """Forget the tokens that were verified with none of these keys."""
        known = keys.keys
        for generation in (self._young, self._old):
            for token in [token for token, verified in generation.items() if verified.key not in known]:
                self._drop(token)

    def clear(self) -> None:
        """Forget all."""
        self._young, self._old, self._buried, self._ids = _Generation(), _Generation(), _Generation(), {}

    def __len__(self) -> int:
        """How many tokens `get` would find."""
        return len(self._young) + len(self._old)

    @property
    def bytes(self) -> int:
        """How much memory is taken, about."""
        return self._young.size + self._old.size + self._buried.size

    def _rejuvenated(self, token: str) -> Verified | None:
        found = self._old.get(token)
        if found is not None:
            self.put(token, found)
        return found

    def _free(self, entries: int, size: int) -> None:
        """Free buried tokens until no more than this is left of them."""
        buried = self._buried
        while len(buried) > entries or buried.size > size:
            token, verified = buried.popitem()
            buried.size -= _cost(token)
            # It may have been verified anew since it was buried.
            if token not in self._young and token not in self._old:
                self._remove_id(verified.jti, token)

    def _drop(self, token: str) -> None:
        for generation in (self._young, self._old, self._buried):
            if (verified := generation.take(token)) is not None:
                self._remove_id(verified.jti, token)

    def _add_id(self, jti: str, token: str) -> None:
        there = self._ids.setdefault(jti, token)
        if isinstance(there, set):
            there.add(token)
        elif there != token:
            self._ids[jti] = {there, token}

    def _remove_id(self, jti: str, token: str) -> None:
        there = self._ids.get(jti)
        if isinstance(there, set):
            there.discard(token)
        if not isinstance(there, set) or not there:
            self._ids.pop(jti, None)


def _cost(token: str) -> int:
    return len(token) + ENTRY
