"""Counting what costs a peer little and us something."""

from collections.abc import Callable

from eco2_authz.http2.errors import ConnectionFault, ErrorCode
from eco2_authz.http2.limits import Limits

_SECOND = 1.0
_PER_CALL = 4


class Guard:
    """Counts a connection's idle frames and cancelled calls by the second.

    Counting is cheap, and the clock is read only when a count reaches its bound.
    """

    __slots__ = ("_calls", "_clock", "_frames", "_frames_since", "_limits", "_resets", "_resets_since")

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._calls = 0
        self._frames = limits.control_frames
        self._resets = limits.resets
        self._frames_since = self._resets_since = clock()

    def idle_frame(self, calls: int, weight: int = 1) -> None:
        """A frame that asks nothing. Raises ConnectionFault for too many a second.

        Args:
            calls: how many calls there have been on the connection; frames that serve them are welcome.
            weight: how many such frames it costs as much as.
        """
        self._frames -= weight
        if self._frames < 0 and calls > self._calls:
            # Not more than a second's worth: who has made a million calls may not send four million PINGs at once.
            self._frames = min(_PER_CALL * (calls - self._calls), self._limits.control_frames)
            self._calls = calls
        elif self._frames < 0:
            self._frames_since = self._next_second(self._frames_since, "too many frames that ask nothing")
            self._frames = self._limits.control_frames

    def reset(self) -> None:
        """A call was cancelled. Raises ConnectionFault for too many a second."""
        self._resets -= 1
        if self._resets < 0:
            self._resets_since = self._next_second(self._resets_since, "too many calls cancelled")
            self._resets = self._limits.resets

    def _next_second(self, since: float, message: str) -> float:
        now = self._clock()
        if now - since < _SECOND:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, message)
        return now
