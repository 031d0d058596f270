"""The ids of revoked tokens, each until it expires."""

from math import inf
from typing import Final

_SPAN: Final = 16.0
"""Seconds of expiry times that are cleared away together."""
LONGEST_ID: Final = 512
"""Octets. No token that is accepted has a longer id."""


class Full(Exception):
    """There is no room for another one."""


class Revocations:
    """Bounded. About 250 octets each.

    Args:
        limit: how many there may be.
    """

    def __init__(self, limit: int) -> None:
        self.expiries: Final[dict[str, float]] = {}
        """When each may be forgotten, in seconds of `time.perf_counter`; infinity while that is not known, and for one
        without an end."""
        self._limit = limit
        self._spans: dict[int, list[str]] = {}

    def __len__(self) -> int:
        return len(self.expiries)

    def add(self, jti: str) -> bool:
        """Refuse a token until further notice, and say whether that is new. Raises Full."""
        if jti in self.expiries:
            return False
        if len(self.expiries) >= self._limit:
            raise Full
        self.expiries[jti] = inf
        return True

    def end(self, jti: str, expiry: float) -> None:
        """Say when that ends; once said, it can only become later."""
        before = self.expiries.get(jti)
        if before is None or expiry <= before < inf:
            return
        self.expiries[jti] = expiry
        if expiry < inf:
            self._spans.setdefault(int(expiry // _SPAN), []).append(jti)

    def sweep(self, now: float, most: int) -> bool:
        """Forget what has expired, so many at most, and say whether there may be more."""
        for span in [span for span in self._spans if (span + 1) * _SPAN <= now]:
            jtis = self._spans[span]
            while jtis:
                if most == 0:
                    return True
                most -= 1
                jti = jtis.pop()
                if self.expiries.get(jti, inf) <= now:
                    del self.expiries[jti]
            del self._spans[span]
        return False
