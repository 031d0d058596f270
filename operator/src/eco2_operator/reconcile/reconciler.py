"""What the reconcilers of all kinds share: fetch the resource, time the work, turn an error into another attempt."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from eco2_operator import metrics
from eco2_operator.apply import Client
from eco2_operator.cache import Cache
from eco2_operator.errors import ChildError
from eco2_operator.kinds import by_name
from eco2_operator.naming import GROUP, Key, Manifest, Ref
from eco2_operator.outcomes import Outcome
from eco2_operator.workqueue import Retry

log = logging.getLogger(__name__)


class Reconciler(ABC):
    """Works on keys of one kind.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, cache: Cache, *, clock: Callable[[], float]) -> None:
        self._cache = cache
        self._clock = clock

    async def __call__(self, key: Key) -> Retry | None:
        """Work on one key; what still has to happen, if anything."""
        started = self._clock()
        result = "error"
        try:
            retry = await self.work(key)
            result = "ok" if retry is None else "retry"
        except ChildError as error:
            log.warning(
                "reconcile will be retried", extra={"key": str(key), "reason": error.reason, "error": str(error)}
            )
            retry = Retry(error.retry_after)
        finally:
            metrics.RECONCILES.labels(key.kind, result).observe(self._clock() - started)
        return retry

    @abstractmethod
    async def work(self, key: Key) -> Retry | None:
        """Bring the cluster to what is wanted for one key.

        Raises:
            ChildError: when another attempt may go better.
        """


class ResourceReconciler(Reconciler):
    """Reconciles the custom resources of one kind.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, client: Client, cache: Cache, *, clock: Callable[[], float]) -> None:
        super().__init__(cache, clock=clock)
        self._client = client

    async def work(self, key: Key) -> Retry | None:
        """See `Reconciler.work`."""
        obj = self._cache.resource(key)
        if obj is None:
            self.forget(key)
            return None
        if obj["metadata"].get("deletionTimestamp"):
            return await self.release(key, obj)
        if self._has_lost_children(key, obj) and not await self._is_wanted(key, obj):
            return Retry()  # its own watch will tell
        return await self.reconcile(key, obj)

    def _has_lost_children(self, key: Key, obj: Manifest) -> bool:
        """Whether something that was made for the resource is not there any more, or not the resource's."""
        inventory = (obj.get("status") or {}).get("inventory") or ()
        refs = (Ref(item["group"], item["kind"], item["namespace"], item["name"]) for item in inventory)
        return any(self._cache.owner(ref) != key for ref in refs)

    async def _is_wanted(self, key: Key, obj: Manifest) -> bool:
        """Whether the resource is still there, by the API server.

        Children go with their resource, or are set free by it, and each kind has a watch of its own: that may be seen
        before the resource's own end. Made once more, they would be collected once more, for as long as its watch is
        late; taken back, they would be collected although they were to stay.
        """
        kind = by_name(GROUP, key.kind)
        live = await self._client.metadata(kind, key.namespace, key.name) if kind is not None else None
        if live is None:
            return False
        metadata = live["metadata"]
        return metadata["uid"] == obj["metadata"]["uid"] and not metadata.get("deletionTimestamp")

    @abstractmethod
    async def reconcile(self, key: Key, obj: Manifest) -> Retry | None:
        """Bring the cluster to what one resource wants.

        Raises:
            ChildError: when another attempt may go better.
        """

    async def release(self, key: Key, obj: Manifest) -> Retry | None:
        """Let a resource go that is being deleted: its children have ownerReferences and go by themselves.

        Raises:
            ChildError: when another attempt may go better.
        """
        self.forget(key)
        return None

    @abstractmethod
    def forget(self, key: Key) -> None:
        """Drop what is remembered about a resource that is gone."""


def retry_of(outcomes: Iterable[Outcome]) -> Retry | None:
    """Another attempt when one can help; a wait the server asked for is respected."""
    errors = [outcome.error for outcome in outcomes if outcome.error is not None and outcome.error.retryable]
    if not errors:
        return None
    waits = [error.retry_after for error in errors if error.retry_after is not None]
    return Retry(max(waits)) if waits else Retry()
