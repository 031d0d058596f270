"""Hold back a changed Secret for a moment, so that several changes become one rollout. No IO."""

from collections.abc import Callable, Mapping

from eco2_operator.naming import Key


class Rotation:
    """Remembers since when a domain's pods run with former values.

    Args:
        clock: monotonic seconds.
        window: seconds for which changes are collected.
    """

    def __init__(self, clock: Callable[[], float], window: float) -> None:
        self._clock = clock
        self._window = window
        self._since: dict[Key, float] = {}

    def settle(
        self, key: Key, *, live: Mapping[str, str], wanted: Mapping[str, str], at_once: bool
    ) -> tuple[Mapping[str, str], float | None]:
        """The hashes to apply now, and in how many seconds to look again.

        Args:
            live: hashes the pods run with.
            wanted: hashes of the Secrets as they are.
            at_once: the pods are about to be replaced anyway.
        """
        if live == wanted or at_once or live.keys() != wanted.keys():
            self._since.pop(key, None)
            return wanted, None
        since = self._since.setdefault(key, self._clock())
        remaining = self._window - (self._clock() - since)
        if remaining > 0:
            return live, remaining
        self._since.pop(key)
        return wanted, None

    def forget(self, key: Key) -> None:
        """The domain is gone."""
        self._since.pop(key, None)
