"""Deleting users everywhere: a saga whose every step may be repeated, and that any replica can continue.

A step is done when its domain has said so. Until then it is asked again, at growing intervals, however long that takes:
nobody is deleted by halves.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import quote

import httpx2
import structlog
from prometheus_client import Counter

from eco2_my.deletion_store import Deletions, Lease
from eco2_my.steps import OWN, next_step
from eco2_service.metrics import Metrics
from eco2_service.peers import PeerUnavailable

LONGEST_PAUSE: Final = 300.0
LEASE_FACTOR: Final = 3.0
"""A lease lasts so many times as long as a call may take: only who is gone loses it."""
DELETED: Final = frozenset({200, 204})
"""Not 404: a domain that has nothing of the user says 204, and what says 404 is not the domain."""
log = structlog.get_logger("eco2.my.deleting")


class Domain(Protocol):
    """Another domain, as `eco2_service.peers.Peer` is one."""

    async def request(self, method: str, path: str) -> httpx2.Response:
        """Its answer. Raises PeerUnavailable."""
        ...


class Deleting:
    """Does what was asked for, a step at a time.

    Args:
        domains: by name. One that is missing is skipped.
        call_seconds: how long a domain may take.
        pause: seconds before the first repetition.
    """

    def __init__(
        self,
        deletions: Deletions,
        domains: Mapping[str, Domain],
        metrics: Metrics,
        *,
        call_seconds: float,
        pause: float,
    ) -> None:
        self._deletions = deletions
        self._domains = domains
        self._lease_seconds = call_seconds * LEASE_FACTOR
        self._pause = pause
        self._steps = Counter(
            "eco2_user_deletion_steps",
            "Steps of deletions of users",
            ("domain", "result"),
            registry=metrics.registry,
        )

    async def run_once(self) -> bool:
        """Do the step that is due for longest, if there is one. Returns whether there was."""
        lease = await self._deletions.lease(self._lease_seconds)
        if lease is None:
            return False
        # A deletion that has a step of a newer release, taken up by an older one, has none for it to do.
        domain = next_step(lease.steps) or OWN
        result = await self._forget_here(lease) if domain == OWN else await self._forget_there(lease, domain)
        self._steps.labels(domain, result).inc()
        log.info("step of a deletion", user_id=lease.user_id, domain=domain, result=result)
        return True

    async def _forget_here(self, lease: Lease) -> str:
        return "done" if await self._deletions.forget_user(lease) else "lost"

    async def _forget_there(self, lease: Lease, domain: str) -> str:
        if (there := self._domains.get(domain)) is None:
            return "skipped" if await self._deletions.end_step(lease, domain, "skipped") else "lost"
        error = await _ask(there, lease.user_id)
        if error is None:
            return "done" if await self._deletions.end_step(lease, domain, "done") else "lost"
        log.warning("step of a deletion failed", domain=domain, error=error, attempts=lease.attempts + 1)
        return "failed" if await self._deletions.fail_step(lease, error, self._next_pause(lease.attempts)) else "lost"

    def _next_pause(self, attempts: int) -> float:
        """Doubles; a fifth more or less, so that not all come back at once to a domain that has just recovered."""
        pause = min(LONGEST_PAUSE, self._pause * 2.0 ** min(attempts, 20))
        return pause * random.uniform(0.8, 1.2)  # noqa: S311 - spreads, and hides nothing


async def _ask(domain: Domain, user_id: str) -> str | None:
    """Have a domain forget a user. Returns why it has not, or None when it has."""
    try:
        answer = await domain.request("DELETE", f"/api/v1/internal/users/{quote(user_id, safe='')}")
    except PeerUnavailable as error:
        return error.reason
    return None if answer.status_code in DELETED else f"status {answer.status_code}"
