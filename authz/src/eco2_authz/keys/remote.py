"""Keys from a URL, kept fresh."""

import asyncio
import contextlib
import logging
import random
import time
from dataclasses import dataclass
from typing import Final

from yarl import URL

from eco2_authz.backoff import Backoff
from eco2_authz.errors import KeysUnavailable, SettingsError
from eco2_authz.keys.download import download
from eco2_authz.keys.jwk import MAX_DOCUMENT, parse_jwks
from eco2_authz.keys.source import Clock, Published

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Times:
    """When keys are asked for, and how long they are trusted. In seconds."""

    refresh: float = 300.0
    """Between two readings; a tenth more or less, so that many servers do not ask at the same moment."""
    answer: float = 5.0
    """For a whole answer."""
    trusted: float = 86_400.0
    """How long keys are used that can no longer be confirmed. A day: long enough to mend the issuer, and an end for
    whoever has stolen a key and keeps us from hearing of its removal."""
    cool_down: float = 10.0
    """Between two readings that tokens with unknown keys cause."""
    unknown: float = 60.0
    """How long a key that was looked for in vain is not looked for again."""
    first_retry: float = 0.5
    """After a second failure in a row; then twice as long each time, and up to half of that less."""
    last_retry: float = 30.0

    def __post_init__(self) -> None:
        if not 0 < self.refresh <= self.trusted:
            raise SettingsError(f"JWKS_REFRESH_SECONDS: must be more than 0 and at most {self.trusted:.0f}")


MAX_UNKNOWN: Final = 1_024
"""Names of keys that are remembered as unknown."""


class RemoteKeys(Published):
    """The keys of a JWKS URL.

    A failure leaves the last good keys in use for `Times.trusted` seconds. Raises SettingsError for a URL that is not
    plain http or https.

    Args:
        url: http or https, without a user or password.
        algorithms: those that keys are wanted for.
    """

    def __init__(
        self, url: str, algorithms: frozenset[str], *, times: Times | None = None, clock: Clock = time.monotonic
    ) -> None:
        super().__init__(clock)
        self._url: Final = _checked(url)
        self._shown: Final = str(self._url.with_query(None).with_fragment(None))
        self._algorithms: Final = algorithms
        self._times: Final = times or Times()
        self._failures = 0
        self._backoff: Final = Backoff(first=self._times.first_retry, cap=self._times.last_retry, random=random.random)
        self._next_demand = 0.0
        self._unknown: dict[str, float] = {}
        """Until when each name is not looked for again; the oldest first."""
        self._reading: asyncio.Task[bool] | None = None
        self._refreshing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to read, now and from time to time."""
        self._refreshing = asyncio.create_task(self._refresh(), name="keys of a URL")

    async def refetch(self, kid: str) -> None:
        """Read for the sake of one name. All that ask at the same time wait for the same answer.

        Nothing is read within the cool-down after any reading, nor for a name that was looked for in vain a while
        ago: whoever sends tokens with invented names cannot make us hammer the issuer.
        """
        now = self._clock()
        if self._unknown.get(kid, 0.0) > now:
            return
        if self._reading is not None:
            # Begun before the name was asked for, so what it does not bring may yet be there.
            await self._read()
            return
        if now < self._next_demand:
            return
        if await self._read() and (self.current is None or not self.current.knows(kid)):
            self._remember_unknown(kid, now + self._times.unknown)

    async def stop(self) -> None:
        """Read no more."""
        for task in (self._refreshing, self._reading):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _refresh(self) -> None:
        while True:
            await self._read()
            await asyncio.sleep(self._pause())

    def _pause(self) -> float:
        """Chance keeps servers apart that were started, or lost their issuer, at the same moment."""
        if self._failures:
            return self._backoff.pause()
        self._backoff.reset()
        return self._times.refresh * random.uniform(0.9, 1.1)  # noqa: S311 - not a secret

    async def _read(self) -> bool:
        """Wait for the reading that is under way, or a new one. Returns whether it was good. Never raises."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_once(), name="reading keys")
            self._reading.add_done_callback(self._read_is_done)
        # A caller that is cancelled (Envoy waits 200 ms) does not take the answer away from the others.
        return await asyncio.shield(self._reading)

    def _read_is_done(self, _: "asyncio.Task[bool]") -> None:
        self._reading = None

    async def _read_once(self) -> bool:
        try:
            document = await download(self._url, seconds=self._times.answer, size=MAX_DOCUMENT)
            changed = self._publish(parse_jwks(document, self._algorithms))
        except KeysUnavailable as error:
            self._failed(str(error))
            return False
        except Exception as error:
            # Whatever it was, the next reading must come.
            log.exception("reading keys went wrong")
            self._failed(type(error).__name__)
            return False
        finally:
            self._next_demand = self._clock() + self._times.cool_down
        self._failures = 0
        if changed:
            self._unknown.clear()
        return True

    def _failed(self, error: str) -> None:
        self._failures += 1
        log.warning("keys not read", extra={"url": self._shown, "error": error, "failures": self._failures})
        if self.age is not None and self.age > self._times.trusted:
            log.error("keys no longer trusted", extra={"url": self._shown, "age_seconds": round(self.age)})
            self._withdraw()

    def _remember_unknown(self, kid: str, until: float) -> None:
        self._unknown.pop(kid, None)
        if len(self._unknown) >= MAX_UNKNOWN:
            del self._unknown[next(iter(self._unknown))]
        self._unknown[kid] = until


def _checked(url: str) -> URL:
    try:
        parsed = URL(url)
    except ValueError:
        raise SettingsError("JWKS_URL: is no URL") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise SettingsError("JWKS_URL: must begin with https:// or http:// and name a host")
    if parsed.user is not None or parsed.password is not None:
        raise SettingsError("JWKS_URL: must not hold a user or password; public keys need none")
    return parsed
