"""One operator acts, the others stand by: a `coordination.k8s.io/v1` Lease, held by whoever renewed it last.

As client-go does it (tools/leaderelection): no clock of another machine is ever compared with ours. Whoever waits takes
over when it has seen the same record for a whole lease duration on its own monotonic clock; whoever holds stops acting
when it could not renew for the renew deadline, which is shorter.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from eco2_operator.errors import ChildError, Conflict, Eco2Error
from eco2_operator.failures import ManagerConflict
from eco2_operator.kinds import LEASE, Kind
from eco2_operator.naming import Manifest

log = logging.getLogger(__name__)

MANAGER = "eco2-operator-lease"
_NEVER = "1"
"""A resourceVersion that no object has: an apply that names it creates, or fails."""


class LeaseLost(Eco2Error):
    """The Lease could not be renewed in time, or somebody else has it: this process must not act any more."""

    reason = "LeaseLost"


class Client(Protocol):
    """What the election asks of the API server."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """The object, or None."""

    async def apply(
        self, kind: Kind, manifest: Manifest, *, manager: str, force: bool = False, subresource: str | None = None
    ) -> Manifest:
        """Server-side apply; with a resourceVersion it fails when the object is another by now."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, as in client-go."""

    duration: float = 15.0
    """How long a record that does not change is respected."""
    deadline: float = 10.0
    """How long a holder acts without a renewal."""
    retry: float = 2.0
    """Between two attempts."""


class Elector:
    """Acquires, renews and releases one Lease.

    Args:
        identity: who we are; two processes must not share it.
        clock: monotonic seconds.
        now: the present time as RFC 3339 with microseconds.
    """

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        name: str,
        identity: str,
        timing: Timing,
        clock: Callable[[], float],
        now: Callable[[], str],
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._timing = timing
        self._clock = clock
        self._now = now
        self._renewed: float | None = None
        self._unsure = True
        self._seen: tuple[Any, float] = (None, clock())
        self._version = _NEVER
        self._spec: Manifest = {}

    @property
    def held(self) -> bool:
        """Whether we may act: we have the Lease, and renewed it within the deadline."""
        return self._renewed is not None and self._clock() - self._renewed < self._timing.deadline

    async def acquire(self) -> None:
        """Wait until the Lease is ours."""
        told = ""
        while not await self._try():
            holder = str(self._spec.get("holderIdentity", ""))
            if holder != told:
                log.info("standing by", extra={"lease": self._name, "holder": holder})
                told = holder
            await asyncio.sleep(self._timing.retry)
        log.info("leading", extra={"lease": self._name, "identity": self._identity})

    async def hold(self) -> None:
        """Renew for ever.

        Raises:
            LeaseLost: when it could not be renewed within the deadline, or is somebody else's.
        """
        while True:
            await asyncio.sleep(self._timing.retry)
            if not self.held:
                raise LeaseLost(f"the Lease {self._name} was not renewed for {self._timing.deadline:.0f} s")
            if not await self._try() and self._spec.get("holderIdentity") not in (self._identity, None):
                self._renewed = None
                raise LeaseLost(f"the Lease {self._name} is held by {self._spec['holderIdentity']}")

    async def release(self) -> None:
        """Give the Lease back, so that the next one need not wait."""
        if not self.held:
            return
        self._renewed = None
        try:
            await self._write({**self._spec, "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": self._now()})
        except ChildError as error:
            log.warning("lease not released", extra={"lease": self._name, "error": str(error)})

    async def _try(self) -> bool:
        """One attempt to acquire or to renew."""
        began = self._clock()
        try:
            async with asyncio.timeout(self._timing.deadline / 2):
                if self._unsure:
                    await self._look()
                    if not self._free():
                        return False
                self._unsure = True  # an answer that is lost says nothing of what became of the write
                self._spec = self._record()
                await self._write(self._spec)
        except (Conflict, ManagerConflict):  # somebody was faster: look at who
            await self._look_quietly()
            return False
        except (ChildError, TimeoutError) as error:
            log.warning("lease not renewed", extra={"lease": self._name, "error": str(error) or type(error).__name__})
            return False
        self._renewed, self._unsure = began, False
        return True

    async def _look(self) -> None:
        lease = await self._client.get(LEASE, self._namespace, self._name)
        self._spec = dict((lease or {}).get("spec") or {})
        self._version = lease["metadata"]["resourceVersion"] if lease is not None else _NEVER
        record = (self._version, self._spec.get("renewTime"), self._spec.get("holderIdentity"))
        if record != self._seen[0]:
            self._seen = (record, self._clock())

    async def _look_quietly(self) -> None:
        try:
            await self._look()
        except ChildError as error:
            log.warning("lease not read", extra={"lease": self._name, "error": str(error)})

    def _free(self) -> bool:
        holder = self._spec.get("holderIdentity")
        if not holder or holder == self._identity:
            return True
        duration = float(self._spec.get("leaseDurationSeconds") or self._timing.duration)
        return self._clock() - self._seen[1] >= duration

    def _record(self) -> Manifest:
        now, before = self._now(), self._spec
        ours = before.get("holderIdentity") == self._identity
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": math.ceil(self._timing.duration),  # whole seconds, and never less
            "acquireTime": before.get("acquireTime", now) if ours else now,
            "renewTime": now,
            "leaseTransitions": int(before.get("leaseTransitions", 0)) + (0 if ours else 1),
        }

    async def _write(self, spec: Manifest) -> None:
        manifest = {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.name,
            "metadata": {"name": self._name, "namespace": self._namespace, "resourceVersion": self._version},
            "spec": spec,
        }
        # Forced: the holder before may have been another manager (an older version, client-go); the version protects.
        written = await self._client.apply(LEASE, manifest, manager=MANAGER, force=True)
        self._version = written["metadata"]["resourceVersion"]
