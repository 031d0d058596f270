"""RS256: the keys of this process and those that other processes have published."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from joserfc.jwk import RSAKey

from eco2_auth.errors import KeysUnavailable
from eco2_auth.keys.bundle import SigningKey
from eco2_auth.keys.choice import KeyRecord, candidates, choose
from eco2_auth.keys.jwks import Document, document
from eco2_auth.keys.key import Key
from eco2_auth.keys.store import KeyStore
from eco2_service.problems import Unavailable

log = structlog.get_logger("eco2.auth")

LEASE_SECONDS: Final = 3_600.0
"""How long a process signs after it has last noted so in the database. As long an outage is survived; a key that left
the bundle stays published so much longer."""
FRESH_SECONDS: Final = 2.0
"""How old the published document may be: pods answer with each other's keys soon after they were published."""


class KeyRing:
    """Keys as `Keys`. `refresh` has to be called from time to time.

    Args:
        bundle: the private keys; they sign in this order, once others have had the time to know them.
        lifetime: seconds that tokens live at most; as long a key that signed stays published.
        clock: seconds since 1970.
    """

    algorithm: Final = "RS256"

    def __init__(
        self,
        bundle: Sequence[SigningKey],
        store: KeyStore,
        *,
        lifetime: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._bundle = {key.kid: Key(key.kid, key.value) for key in bundle}
        self._jwks = [key.public_jwk for key in bundle]
        self._store = store
        self._lifetime = lifetime
        self._clock = clock
        self._records: dict[str, KeyRecord] = {}
        self._keys: dict[str, Key] = {}
        self._document: Document | None = None
        self._leased: set[str] = set()
        self._leased_until = 0.0
        self._read_at = 0.0
        self._reading = asyncio.Lock()
        self._signed_with: str | None = None

    async def refresh(self) -> bool:
        """Publish our keys, note which of them will sign, and read the others'.

        Returns:
            False: nothing is left to be done at once. Raises DatabaseUnavailable.
        """
        now = self._clock()
        self._take(await self._store.publish(self._jwks, now), now)
        lease = candidates(list(self._bundle), self._records, now, now + LEASE_SECONDS)
        await self._store.note_signing(lease, until=now + LEASE_SECONDS + self._lifetime)
        self._leased, self._leased_until = lease, now + LEASE_SECONDS
        self.signer()
        return False

    def signer(self) -> Key:
        """The key that signs at this moment. Raises KeysUnavailable."""
        now = self._clock()
        choice = choose(list(self._bundle), self._records, now)
        if choice is None or choice.kid not in self._leased or now >= self._leased_until:
            raise KeysUnavailable("the database did not take note of them")
        if choice.kid != self._signed_with:
            self._signed_with = choice.kid
            if choice.early:
                log.warning(
                    "signing_key_early", kid=choice.kid, hint="keep the former key in JWT_SIGNING_KEYS for 30 minutes"
                )
            else:
                log.info("signing_key", kid=choice.kid)
        return self._bundle[choice.kid]

    def own(self, kid: str | None) -> Key | None:
        """The private key of this name, if it is in the bundle."""
        return None if kid is None else self._bundle.get(kid)

    async def find(self, kid: str | None) -> Key | None:
        """The published key of this name; an unknown one may be new, and is looked for. Raises KeysUnavailable."""
        if kid is None:
            return None
        if kid not in self._keys:
            await self._reread()
        return self._keys.get(kid)

    async def document(self) -> Document:
        """What is published, at most two seconds old while the database answers. Raises KeysUnavailable."""
        await self._reread()
        if self._document is None:
            raise KeysUnavailable("the database has not answered yet")
        return self._document

    async def check(self) -> None:
        """Raise KeysUnavailable when nothing can be signed."""
        self.signer()

    async def _reread(self) -> None:
        """Read the published keys unless that was done just now; without an answer the last ones stay."""
        async with self._reading:
            now = self._clock()
            if 0 <= now - self._read_at < FRESH_SECONDS:
                return
            try:
                self._take(await self._store.published(now), now)
            except Unavailable as error:
                if not self._records:
                    raise KeysUnavailable("the database does not answer") from error
                self._read_at = self._clock()  # after the wait, or each request would wait for the database

    def _take(self, records: Sequence[KeyRecord], now: float) -> None:
        self._read_at = now
        if self._document is not None and {record.kid for record in records} == self._records.keys():
            self._records = {record.kid: record for record in records}
            return
        self._records = {record.kid: record for record in records}
        self._keys = {
            record.kid: Key(
                record.kid, RSAKey.import_key({name: record.public_jwk[name] for name in ("kty", "n", "e")})
            )
            for record in records
        }
        self._document = document(record.public_jwk for record in records)
