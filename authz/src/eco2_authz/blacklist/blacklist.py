"""What a blacklist is to the rest of the program, and how it is written in Redis."""

from asyncio import Future
from typing import Final, Protocol

PREFIX: Final = "blacklist:"
"""A key of this prefix and a token's id revokes it, whatever its type and value are."""
CHANNEL: Final = "blacklist"
"""Each revocation is published here; the message is the bare id."""


class Blacklist(Protocol):
    """Knows which tokens were revoked."""

    @property
    def ready(self) -> bool:
        """Whether it can say so at this moment."""
        ...

    @property
    def entries(self) -> int:
        """Revocations held in memory."""
        ...

    def revoked(self, jti: str, at: float) -> "bool | Future[int]":
        """Whether the token of that id was revoked. Raises RedisUnavailable, now or by the future.

        What the future tells is 0 unless it was.

        Args:
            at: now, in seconds of `time.perf_counter`.
        """
        ...

    async def start(self) -> None:
        """Begin to connect. Returns at once."""
        ...

    async def stop(self) -> None:
        """End what `start` began."""
        ...
