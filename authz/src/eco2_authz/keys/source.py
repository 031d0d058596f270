"""Where keys come from."""

import logging
import time
from collections.abc import Callable
from typing import Final, Protocol

from eco2_authz.keys.keyset import KeySet

log: Final = logging.getLogger(__name__)

OnChange = Callable[[KeySet], None]
Clock = Callable[[], float]


class KeySource(Protocol):
    """Keys that may change while the server runs."""

    @property
    def on_change(self) -> list[OnChange]:
        """Each is called in the event loop with the new keys when they differ from those before.

        It gets an empty set when the keys are no longer trusted and there are no others.
        """
        ...

    @property
    def current(self) -> KeySet | None:
        """The keys of this moment. None: none to trust; every token is answered with `keys_unavailable`."""
        ...

    @property
    def age(self) -> float | None:
        """Seconds since the keys were last seen where they come from. None: there are none."""
        ...

    async def start(self) -> None:
        """Begin to read them. `current` may be None for a while after it."""
        ...

    async def refetch(self, kid: str) -> None:
        """Look for a key that a token names and `current` has not, unless that was done just now. Never raises."""
        ...

    async def stop(self) -> None:
        """End what `start` began."""
        ...


class Published:
    """What every source that reads keeps: the last good keys, and whom to tell of others."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.on_change: Final[list[OnChange]] = []
        self.current: KeySet | None = None
        self._clock: Final = clock
        self._generation = 0
        self._seen = 0.0

    @property
    def age(self) -> float | None:
        """Seconds since the keys were last seen where they come from. None: there are none."""
        return None if self.current is None else self._clock() - self._seen

    def _publish(self, keys: KeySet) -> bool:
        """Take the keys that were read at this moment. Returns whether they differ from those before."""
        self._seen = self._clock()
        if self.current is not None and keys.keys == self.current.keys:
            return False
        self._generation += 1
        self.current = KeySet(keys.keys, generation=self._generation, ignored=keys.ignored)
        log.info(
            "keys changed",
            extra={"keys": ", ".join(sorted(key.kid or "-" for key in keys.keys)), "ignored": "; ".join(keys.ignored)},
        )
        self._tell(self.current)
        return True

    def _withdraw(self) -> None:
        """Trust the keys no longer."""
        self.current = None
        self._tell(KeySet())

    def _tell(self, keys: KeySet) -> None:
        for callback in self.on_change:
            try:
                callback(keys)
            except Exception:
                # The others have to hear of it all the same, and the reading has to go on.
                log.exception("not everybody heard of other keys")


class FixedKeys:
    """Keys that never change: a shared secret."""

    def __init__(self, keys: KeySet) -> None:
        self.on_change: Final[list[OnChange]] = []
        self.current: Final = keys
        self.age: Final = 0.0

    async def start(self) -> None:
        """Nothing to read."""

    async def refetch(self, kid: str) -> None:
        """Nothing to look for."""

    async def stop(self) -> None:
        """Nothing to end."""
