"""The story of the program: one resource from what is wanted to what is, and the truth about it in its status.

cache -> parse -> gather -> plan (pure) -> diff (pure) -> apply -> status (pure) -> one write
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from eco2_operator import events, metrics
from eco2_operator.apply import Applier, Client, Owner
from eco2_operator.build.context import Cluster
from eco2_operator.cache import Cache
from eco2_operator.errors import ChildError, InvalidSpec, Unguarded
from eco2_operator.gather import domain_context, known_node_ports
from eco2_operator.kinds import (
    DEPLOYMENT,
    ECO_DOMAIN,
    EVENT,
    HORIZONTAL_POD_AUTOSCALER,
    NETWORK_POLICY,
    OBSERVED,
    POD,
    REPLICA_SET,
    SERVICE_ACCOUNT,
    by_name,
)
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import Resource, parse
from eco2_operator.model.status import Status
from eco2_operator.naming import Key, Manifest, Ref, child_name
from eco2_operator.outcomes import Outcome
from eco2_operator.plan import Plan, plan_domain
from eco2_operator.status import domain as status_of
from eco2_operator.status.conditions import find
from eco2_operator.workqueue import Retry

log = logging.getLogger(__name__)

SETTLE_SECONDS = 1.0
"""Numbers of pods change several times in a rollout; a status that differs in nothing else is written this late."""


GUARDS = (NETWORK_POLICY.name, SERVICE_ACCOUNT.name)
"""Without these no pod is started for the first time: it would be open to everybody, or run as somebody else."""


class DomainReconciler:
    """Reconciles EcoDomains.

    Args:
        clock: monotonic seconds.
        now: the present time as RFC 3339 in UTC.
        instance: how this process signs its Events.
    """

    def __init__(
        self,
        client: Client,
        cache: Cache,
        cluster: Cluster,
        *,
        clock: Callable[[], float],
        now: Callable[[], str],
        instance: str,
    ) -> None:
        self._client = client
        self._cache = cache
        self._cluster = cluster
        self._clock = clock
        self._now = now
        self._instance = instance
        self._applier = Applier(client, cache, clock=clock)
        self._unsettled: dict[Key, float] = {}
        self._changed: dict[Key, tuple[int, float]] = {}
        self._ready: dict[Key, str] = {}

    async def __call__(self, key: Key) -> Retry | None:
        """Reconcile one EcoDomain; what still has to happen, if anything."""
        started = self._clock()
        obj = self._cache.resource(key)
        if obj is None or obj["metadata"].get("deletionTimestamp"):
            self._forget(key)
            return None
        result = "error"
        try:
            retry = await self._reconcile(key, obj)
            result = "ok" if retry is None else "retry"
        except ChildError as error:
            log.warning(
                "reconcile will be retried",
                extra={"key": str(key), "reason": error.reason, "error": str(error)},
            )
            retry = Retry(error.retry_after)
        finally:
            metrics.RECONCILES.labels(key.kind, result).observe(self._clock() - started)
        return retry

    async def _reconcile(self, key: Key, obj: Manifest) -> Retry | None:
        previous: Mapping[str, Any] = obj.get("status") or {}
        generation = obj["metadata"].get("generation", 1)
        self._note_change(key, generation, previous)
        try:
            domain = parse(obj, EcoDomainSpec)
            if domain.suspended:
                status = status_of.of_suspended(generation=generation, previous=previous, now=self._now())
                return await self._report(key, obj, status)
            plan = plan_domain(domain, domain_context(domain, self._cache, self._cluster))
        except InvalidSpec as error:
            status = status_of.of_error(error, generation=generation, previous=previous, now=self._now())
            return await self._report(key, obj, status)
        outcomes = await self._converge(domain, plan, previous)
        status = status_of.of_domain(domain, self._observe(domain, plan, outcomes), previous=previous, now=self._now())
        return await self._report(key, obj, status) or _retry(outcomes)

    async def _converge(
        self, domain: Resource[EcoDomainSpec], plan: Plan, previous: Mapping[str, Any]
    ) -> list[Outcome]:
        """Apply every child, pods last; prune only when all of them are as wanted."""
        made = frozenset(item["uid"] for item in previous.get("inventory") or ())
        owner = Owner(domain.key, domain.uid, made)
        guards = [child for child in plan.children if child["kind"] != DEPLOYMENT.name]
        workloads = [child for child in plan.children if child["kind"] == DEPLOYMENT.name]
        outcomes = list(await asyncio.gather(*(self._applier.apply(child, owner) for child in guards)))
        scaling = domain.spec.autoscaling
        missing = [outcome.ref for outcome in outcomes if outcome.error is not None and outcome.ref.kind in GUARDS]
        for child in workloads:
            if missing and self._cache.get(ref := Ref.of(child)) is None:
                outcomes.append(Outcome(ref, "failed", error=_unguarded(ref, missing)))
                continue
            first = scaling.min_replicas if scaling is not None else None
            outcomes.append(await self._applier.apply(child, owner, initial_replicas=first))
        if any(outcome.error is not None for outcome in outcomes):
            return outcomes
        wanted = {outcome.ref for outcome in outcomes}
        for ref, uid in reversed(self._stale(domain, wanted, previous)):
            outcomes.append(await self._applier.prune(ref, owner, uid=uid))
        return outcomes

    def _stale(
        self, domain: Resource[EcoDomainSpec], wanted: set[Ref], previous: Mapping[str, Any]
    ) -> list[tuple[Ref, str]]:
        """Children made earlier and not wanted any more: by the inventory, and by owner reference in the cache."""
        stale = {
            Ref(item["group"], item["kind"], item["namespace"], item["name"]): item["uid"]
            for item in previous.get("inventory") or ()
        }
        for ref in self._cache.owned(domain.key):
            uid = self._cache.uid(ref)
            if uid is not None and by_name(ref.group, ref.kind) not in (None, *OBSERVED):
                stale[ref] = uid
        return sorted((ref, uid) for ref, uid in stale.items() if ref not in wanted)

    def _observe(self, domain: Resource[EcoDomainSpec], plan: Plan, outcomes: list[Outcome]) -> status_of.Observation:
        place = (domain.namespace, child_name(domain.name))
        deployment = self._cache.get(Ref(DEPLOYMENT.group, DEPLOYMENT.name, *place))
        below = self._cache.owned(domain.key) if deployment is not None else []
        return status_of.Observation(
            outcomes=outcomes,
            refused=plan.refused,
            deployment=deployment,
            autoscaler=self._cache.get(Ref(HORIZONTAL_POD_AUTOSCALER.group, HORIZONTAL_POD_AUTOSCALER.name, *place)),
            replica_sets=self._all(below, REPLICA_SET.name),
            pods=self._all(below, POD.name),
            node_ports=known_node_ports(domain, self._cache),
        )

    def _all(self, refs: list[Ref], kind: str) -> list[Manifest]:
        found = (self._cache.get(ref) for ref in refs if ref.kind == kind)
        return [obj for obj in found if obj is not None]

    async def _report(self, key: Key, obj: Manifest, status: Status) -> Retry | None:
        """Write the status if it changed; come back when the resource changed meanwhile, or to write numbers later."""
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
        written = await self._client.apply(
            ECO_DOMAIN,
            {
                "apiVersion": obj["apiVersion"],
                "kind": key.kind,
                "metadata": {"name": key.name, "namespace": key.namespace, "uid": metadata["uid"]},
                "status": status,
            },
            subresource="status",
            force=True,
        )
        self._cache.put(written)
        await self._tell(key, written, previous, status)
        return Retry(0.001) if _changed_meanwhile(obj, written) else None

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

    def _note_change(self, key: Key, generation: int, previous: Mapping[str, Any]) -> None:
        """Remember when a generation was first seen that is not reported yet: time to Ready counts from then."""
        if previous.get("observedGeneration") == generation:
            return
        known = self._changed.get(key)
        if known is None or known[0] != generation:
            self._changed[key] = (generation, self._clock())

    def _count(self, key: Key, ready: str | None) -> None:
        """Keep the gauge of resources by their state of Ready; None: the resource is gone."""
        before = self._ready.pop(key, None)
        if before is not None:
            metrics.RESOURCES.labels(key.kind, before).dec()
        if ready is not None:
            self._ready[key] = ready
            metrics.RESOURCES.labels(key.kind, ready).inc()

    def _forget(self, key: Key) -> None:
        self._count(key, None)
        self._unsettled.pop(key, None)
        self._changed.pop(key, None)
        self._applier.forget(self._cache.owned(key))


def _unguarded(ref: Ref, missing: list[Ref]) -> Unguarded:
    guards = " and ".join(map(str, missing))
    return Unguarded(f"{ref} waits for {guards}: its pods would be unguarded until then")


def _retry(outcomes: list[Outcome]) -> Retry | None:
    """Another attempt when one can help; a wait the server asked for is respected."""
    errors = [outcome.error for outcome in outcomes if outcome.error is not None and outcome.error.retryable]
    if not errors:
        return None
    waits = [error.retry_after for error in errors if error.retry_after is not None]
    return Retry(max(waits)) if waits else Retry()


def _changed_meanwhile(before: Manifest, after: Manifest) -> bool:
    """Whether the answer to our write shows a resource other than the one we reconciled.

    The cache has it now, so its watch event will look old: nobody else will put the key back into the queue.
    """
    old, new = before["metadata"], after["metadata"]
    fields = ("generation", "annotations", "deletionTimestamp")
    return any(old.get(name) != new.get(name) for name in fields)


def _only_numbers(previous: Mapping[str, Any], status: Status) -> bool:
    """Whether two statuses tell the same story and differ in numbers of pods alone."""

    def story(of: Mapping[str, Any]) -> Any:
        facts = [(c["type"], c["status"], c["reason"]) for c in of.get("conditions") or ()]
        rest = {k: v for k, v in of.items() if k not in ("conditions", "replicas", "readyReplicas")}
        return facts, rest

    return bool(previous) and story(previous) == story(status)
