"""Where a worker counts."""

from bisect import bisect_left
from typing import Final

from eco2_authz.decision import REASONS, Reason
from eco2_authz.http2.errors import ErrorCode
from eco2_authz.metrics import families
from eco2_authz.metrics.families import PLACES, Counter, Gauge, Histogram
from eco2_authz.metrics.memory import BEAT, READY, Cells

_REASONS: Final = {reason: PLACES[families.REQUESTS] + position for position, reason in enumerate(REASONS)}
_REQUEST: Final = PLACES[families.REQUEST_DURATION]
_REQUEST_BOUNDS: Final = families.REQUEST_DURATION.bounds
_REQUEST_SUM: Final = _REQUEST + len(_REQUEST_BOUNDS) + 1
_HITS: Final = PLACES[families.CACHE_HITS]


class Recorder:
    """The numbers of one worker."""

    __slots__ = ("_cells",)

    def __init__(self, cells: Cells) -> None:
        self._cells = cells

    def answered(self, reason: Reason, seconds: float) -> None:
        """Count a request."""
        cells = self._cells
        cells[_REASONS[reason]] += 1.0
        cells[_REQUEST + bisect_left(_REQUEST_BOUNDS, seconds)] += 1.0
        cells[_REQUEST_SUM] += seconds

    def remembered(self) -> None:
        """Count a token that had been verified before."""
        self._cells[_HITS] += 1.0

    def observe(self, histogram: Histogram, seconds: float) -> None:
        """Count a duration."""
        place = PLACES[histogram]
        self._cells[place + bisect_left(histogram.bounds, seconds)] += 1.0
        self._cells[place + len(histogram.bounds) + 1] += seconds

    def count(self, counter: Counter, amount: float = 1.0) -> None:
        """Count something without labels."""
        self._cells[PLACES[counter]] += amount

    def fault(self, code: ErrorCode) -> None:
        """Count a connection that was ended for a fault."""
        if code is not ErrorCode.NO_ERROR:
            place = families.PROTOCOL_ERRORS.values.index((code.name.lower(),))
            self._cells[PLACES[families.PROTOCOL_ERRORS] + place] += 1.0

    def set(self, gauge: Gauge, value: float) -> None:
        """Say how much there is."""
        self._cells[PLACES[gauge]] = value

    def change(self, gauge: Gauge, by: float) -> None:
        """Say how much more there is."""
        self._cells[PLACES[gauge]] += by

    def alive(self, now: float, *, ready: bool) -> None:
        """Say that the worker lives.

        Args:
            now: in seconds of `time.monotonic`.
            ready: whether it can decide.
        """
        self._cells[BEAT] = now
        self._cells[READY] = float(ready)
