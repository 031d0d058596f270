"""What the reconcilers of all kinds share: fetch the resource, time the work, turn an error into another attempt."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from eco2_operator import metrics
from eco2_operator.cache import Cache
from eco2_operator.errors import ChildError
from eco2_operator.naming import Key, Manifest
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
    """Reconciles the custom resources of one kind."""

    async def work(self, key: Key) -> Retry | None:
        """See `Reconciler.work`."""
        obj = self._cache.resource(key)
        if obj is None:
            self.forget(key)
            return None
        if obj["metadata"].get("deletionTimestamp"):
            return await self.release(key, obj)
        return await self.reconcile(key, obj)

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
