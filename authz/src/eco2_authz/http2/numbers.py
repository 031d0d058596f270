"""Which streams there have been (RFC 9113, section 5.1.1)."""

from enum import Enum, auto
from typing import Final

from eco2_authz.http2.errors import ConnectionFault, ErrorCode

_GAPS: Final = 64
_RESETS: Final = 256


class Past(Enum):
    """What became of a stream that is not open."""

    IDLE = auto()
    """It has not been there yet, or its number was passed over."""
    CLOSED = auto()
    RESET = auto()
    """We have ended it: what the peer sent before it knew may still come."""


class Numbers:
    """The streams a peer has opened: odd numbers, each above all before."""

    __slots__ = ("_gaps", "_resets", "last")

    def __init__(self) -> None:
        self.last = -1
        """The highest number so far."""
        self._gaps: list[range] = []
        self._resets: dict[int, None] = {}

    def open(self, number: int) -> None:
        """A new stream, above `last`."""
        if number != self.last + 2:
            self._gaps.append(range(self.last + 2, number, 2))
            del self._gaps[:-_GAPS]
        self.last = number

    def reset(self, number: int) -> None:
        """We have reset a stream."""
        self._resets[number] = None
        if len(self._resets) > _RESETS:
            del self._resets[next(iter(self._resets))]

    def past(self, number: int) -> Past:
        """Of a stream that is not open."""
        if number in self._resets:
            return Past.RESET
        if number > self.last or number % 2 == 0 or any(number in gap for gap in self._gaps):
            return Past.IDLE
        return Past.CLOSED

    def check(self, number: int) -> None:
        """Raises ConnectionFault for what no client may open."""
        if number % 2 == 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a stream number that no client has")
