"""How long something has been as it is: what istiod and the gateways need to hear of a change before the next one.

They read each kind of object by a watch of its own, and tell nobody how far they are. So a change that must not be seen
before another one waits until this process has seen the other for a while. What was so before this process began
counts from its beginning.
"""

from collections.abc import Callable, Hashable

SETTLE_SECONDS = 2.0
"""Well above what istiod waits for further changes (0.1 s, at most 10 s in a storm) and takes for one push."""


class Settling:
    """Remembers since when things have been as they are.

    Args:
        clock: monotonic seconds.
        seconds: after which something counts as settled.
    """

    def __init__(self, clock: Callable[[], float], seconds: float = SETTLE_SECONDS) -> None:
        self._clock = clock
        self._seconds = seconds
        self._seen: dict[Hashable, tuple[Hashable, float]] = {}

    def note(self, what: Hashable, state: Hashable) -> float:
        """Something is so now; seconds until it counts as settled."""
        known = self._seen.get(what)
        if known is None or known[0] != state:
            known = self._seen[what] = (state, self._clock())
        return self._remaining(known[1])

    def wait(self, what: Hashable, state: Hashable) -> float | None:
        """Seconds until something counts as settled; None when it is not known to be so."""
        known = self._seen.get(what)
        return self._remaining(known[1]) if known is not None and known[0] == state else None

    def forget(self, what: Hashable) -> None:
        """It is not so any more, or gone."""
        self._seen.pop(what, None)

    def _remaining(self, since: float) -> float:
        return max(0.0, self._seconds - (self._clock() - since))
