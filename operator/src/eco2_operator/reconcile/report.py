"""Tell what became of a resource: its status in at most one write per change, an Event, a log line, the metrics."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from eco2_operator import events, metrics
from eco2_operator.apply import Client
from eco2_operator.cache import Cache
from eco2_operator.errors import ChildError
from eco2_operator.failures import Paused
from eco2_operator.kinds import EVENT, Kind
from eco2_operator.model.status import Status
from eco2_operator.naming import Key, Manifest
from eco2_operator.status.conditions import find
from eco2_operator.workqueue import Retry

log = logging.getLogger(__name__)

SETTLE_SECONDS = 1.0
"""Numbers of pods change several times in a rollout; a status that differs in nothing else is written this late."""


class Reporter:
    """Writes the statuses of one kind.

    Args:
        clock: monotonic seconds.
        now: the present time as RFC 3339 in UTC.
        instance: how this process signs its Events.
    """

    def __init__(
        self,
        kind: Kind,
        client: Client,
        cache: Cache,
        *,
        clock: Callable[[], float],
        now: Callable[[], str],
        instance: str,
    ) -> None:
        self._kind = kind
        self._client = client
        self._cache = cache
        self._clock = clock
        self._now = now
        self._instance = instance
        self._unsettled: dict[Key, float] = {}
        self._changed: dict[Key, tuple[int, float]] = {}
        self._ready: dict[Key, str] = {}
        self._unsaid: dict[Key, tuple[str, Status]] = {}

    async def report(self, key: Key, obj: Manifest, status: Status) -> Retry | None:
        """Write the status if it changed; come back to write numbers later."""
        previous = obj.get("status") or {}
        self._count(key, (find(status["conditions"], "Ready") or {}).get("status"))
        if status == previous:
            self._unsettled.pop(key, None)
            return None
        if _only_numbers(previous, status):
            since = self._unsettled.setdefault(key, self._clock())
            remaining = SETTLE_SECONDS - (self._clock() - since)
            if remaining > 0:
                return Retry(remaining)
        self._unsettled.pop(key, None)
        metadata = obj["metadata"]
        manifest = {
            "apiVersion": obj["apiVersion"],
            "kind": key.kind,
            "metadata": {"name": key.name, "namespace": key.namespace, "uid": metadata["uid"]},
            "status": status,
        }
        try:
            written = await self._client.apply(self._kind, manifest, subresource="status", force=True)
        except Paused:
            self._unsaid[key] = (str(metadata["uid"]), status)
            raise
        self._cache.put_answer(obj, written)
        await self._tell(key, written, previous, status)
        return None

    async def catch_up(self, key: Key, obj: Manifest) -> Manifest:
        """Say first what a pause of the API server kept from being said: its cause may bring on the next pause.

        Returns the resource as it is then.
        """
        uid, status = self._unsaid.pop(key, ("", None))
        metadata = obj["metadata"]
        if status is None or (uid, status["observedGeneration"]) != (metadata["uid"], metadata.get("generation", 1)):
            return obj
        await self.report(key, obj, status)
        return self._cache.resource(key) or obj

    def note_change(self, key: Key, generation: int, previous: Mapping[str, Any]) -> None:
        """Remember when a generation was first seen that is not reported yet: time to Ready counts from then."""
        if previous.get("observedGeneration") == generation:
            return
        known = self._changed.get(key)
        if known is None or known[0] != generation:
            self._changed[key] = (generation, self._clock())

    def forget(self, key: Key) -> None:
        """The resource is gone."""
        self._count(key, None)
        self._unsettled.pop(key, None)
        self._unsaid.pop(key, None)
        self._changed.pop(key, None)

    async def _tell(self, key: Key, obj: Manifest, previous: Mapping[str, Any], status: Status) -> None:
        """Log, count and publish what changed; an Event that cannot be written is not worth a retry."""
        ready = find(status["conditions"], "Ready") or {}
        before = find(previous.get("conditions") or (), "Ready") or {}
        if ready["status"] == "True" and before.get("status") != "True" and key in self._changed:
            metrics.TIME_TO_READY.labels(key.kind).observe(self._clock() - self._changed.pop(key)[1])
        event = events.on_transition(key, obj, previous, status, instance=self._instance, now=self._now())
        if event is None:
            return
        log.info("ready changed", extra={"key": str(key), "ready": ready["status"], "reason": ready["reason"]})
        try:
            await self._client.create(EVENT, event)
        except ChildError as error:
            log.warning("event not written", extra={"key": str(key), "reason": error.reason, "error": str(error)})

    def _count(self, key: Key, ready: str | None) -> None:
        """Keep the gauge of resources by their state of Ready; None: the resource is gone."""
        before = self._ready.pop(key, None)
        if before is not None:
            metrics.RESOURCES.labels(key.kind, before).dec()
        if ready is not None:
            self._ready[key] = ready
            metrics.RESOURCES.labels(key.kind, ready).inc()


def _only_numbers(previous: Mapping[str, Any], status: Status) -> bool:
    """Whether two statuses tell the same story and differ in numbers of pods alone."""

    def story(of: Mapping[str, Any]) -> Any:
        facts = [(c["type"], c["status"], c["reason"]) for c in of.get("conditions") or ()]
        rest = {k: v for k, v in of.items() if k not in ("conditions", "replicas", "readyReplicas")}
        return facts, rest

    return bool(previous) and story(previous) == story(status)
