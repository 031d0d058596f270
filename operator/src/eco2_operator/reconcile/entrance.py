"""One EcoIngress: from hosts and routes to a way in that is never open before its guards are in place.

cache -> parse -> claims (pure) -> gather -> plan (pure) -> passage (the order) -> status (pure) -> one write
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from eco2_operator import finalizer
from eco2_operator.apply import Applier, Client, Owner
from eco2_operator.build.context import Cluster
from eco2_operator.build.entrance import guard
from eco2_operator.build.entrance.context import Entrance, EntranceContext
from eco2_operator.build.entrance.names import entrance_id, gateway_key
from eco2_operator.build.entrance.scope import gateway, missing_kinds, through_gateway
from eco2_operator.cache import Cache
from eco2_operator.claims import Claims, Scope, scope_of
from eco2_operator.entrances import Entrances, without_spec
from eco2_operator.errors import InvalidSpec
from eco2_operator.gather import entrance_context
from eco2_operator.kinds import ECO_INGRESS, INGRESS
from eco2_operator.naming import Key, Manifest, controller_of
from eco2_operator.plan import plan_entrance
from eco2_operator.reconcile.gateway import GatewayReconciler
from eco2_operator.reconcile.passage import Door, Passages, Progress
from eco2_operator.reconcile.reconciler import ResourceReconciler, retry_of
from eco2_operator.reconcile.report import Reporter
from eco2_operator.reconcile.settling import Settling
from eco2_operator.reconcile.surroundings import MISSING_SECONDS, Surroundings
from eco2_operator.status import entrance as status_of
from eco2_operator.status.domain import of_error, of_suspended
from eco2_operator.workqueue import Retry


class EntranceReconciler(ResourceReconciler):
    """Reconciles EcoIngresses.

    Args:
        gateways: who looks after what the entrances of a gateway share.
        policies: since when the policies of (gateway, entrance id) are in place.
        routes: since when the routes of an EcoIngress are as they are.
        wake: puts a key into the queue.
        clock: monotonic seconds.
        now: the present time as RFC 3339 in UTC.
        instance: how this process signs its Events.
    """

    def __init__(
        self,
        client: Client,
        cache: Cache,
        entrances: Entrances,
        gateways: GatewayReconciler,
        cluster: Cluster,
        policies: Settling,
        routes: Settling,
        *,
        wake: Callable[[Key], None],
        clock: Callable[[], float],
        now: Callable[[], str],
        instance: str,
    ) -> None:
        super().__init__(client, cache, clock=clock)
        self._entrances = entrances
        self._gateways = gateways
        self._cluster = cluster
        self._now = now
        applier = Applier(client, cache, clock=clock)
        self._passages = Passages(applier, cache, gateways, policies, routes, wake=wake)
        self._surroundings = Surroundings(client, clock=clock)
        self._reporter = Reporter(ECO_INGRESS, client, cache, clock=clock, now=now, instance=instance)

    async def reconcile(self, key: Key, obj: Manifest) -> Retry | None:
        """See `ResourceReconciler.reconcile`."""
        obj = await self._reporter.catch_up(key, obj)
        previous: Mapping[str, Any] = obj.get("status") or {}
        generation = obj["metadata"].get("generation", 1)
        self._reporter.note_change(key, generation, previous)
        try:
            entrance = self._entrances.parse(key, obj)
        except InvalidSpec as error:
            status = of_error(error, generation=generation, previous=previous, now=self._now())
            return await self._reporter.report(key, obj, status)
        if entrance.suspended:
            status = of_suspended(generation=generation, previous=previous, now=self._now())
            return await self._reporter.report(key, obj, status)
        claims = self._entrances.claims(obj)
        ctx = entrance_context(entrance, claims.hosts, self._cache, self._cluster)
        progress, spread = Progress(), True
        if not missing_kinds(entrance, self._cache.served):
            obj, progress, spread = await self._converge(entrance, obj, ctx)
        seen = await self._observe(entrance, obj, claims, ctx, progress)
        status = status_of.of_entrance(entrance, seen, previous=previous, now=self._now())
        retry = await self._reporter.report(key, obj, status)
        if not spread and progress.is_done and not self._is_spread(key, status):
            obj = self._cache.resource(key) or obj
            await finalizer.let_go(self._client, self._cache, ECO_INGRESS, obj)
        return retry or retry_of(progress.outcomes) or _later(progress)

    async def release(self, key: Key, obj: Manifest) -> Retry | None:
        """See `ResourceReconciler.release`. The way in is closed first; what guards it goes when that is known."""
        if not finalizer.is_held(obj):
            self.forget(key)
            return None
        previous: Mapping[str, Any] = obj.get("status") or {}
        progress = await self._passages.close(_owner(key, obj), entrance_id(without_spec(obj)), previous)
        error = next((outcome.error for outcome in progress.outcomes if outcome.error is not None), None)
        if error is not None:
            generation = obj["metadata"].get("generation", 1)
            status = of_error(error, generation=generation, previous=previous, now=self._now())
            await self._reporter.report(key, obj, status)
            return retry_of(progress.outcomes)
        if not progress.is_done:
            return _later(progress)
        await finalizer.let_go(self._client, self._cache, ECO_INGRESS, obj)
        self.forget(key)
        return None

    async def _converge(
        self, entrance: Entrance, obj: Manifest, ctx: EntranceContext
    ) -> tuple[Manifest, Progress, bool]:
        """Go as far as can be gone; the resource as it is then, and whether it wants objects the collector forgets."""
        plan = plan_entrance(entrance, ctx)
        spread = any(controller_of(child) is None for child in plan.children)
        if spread:
            obj = await finalizer.hold(self._client, self._cache, ECO_INGRESS, obj)
        door = Door(None, entrance_id(entrance))
        if plan.guards.children:
            door = replace(door, gateway=_gateway(scope_of(obj["spec"])), entry=guard.entry(entrance, ctx.hosts))
        owner = _owner(entrance.key, obj)
        progress = await self._passages.converge(plan, owner, door, obj.get("status") or {})
        return obj, progress, spread

    async def _observe(
        self, entrance: Entrance, obj: Manifest, claims: Claims, ctx: EntranceContext, progress: Progress
    ) -> status_of.Observation:
        missing = missing_kinds(entrance, self._cache.served)
        lack = fault = None
        if through_gateway(entrance) and claims.hosts and not missing:
            scope = scope_of(obj["spec"])
            fault = self._gateways.faults.get(_gateway(scope))
            lack = await self._lack(entrance, scope)
            if lack is not None:
                progress.waits.append(MISSING_SECONDS)
        ingresses = (self._cache.get(ref) for ref in self._cache.owned(entrance.key) if ref.kind == INGRESS.name)
        return status_of.Observation(
            claims=claims,
            targets=ctx.targets,
            outcomes=progress.outcomes,
            missing_kinds=missing,
            fault=fault,
            lack=lack,
            pending=progress.pending,
            balancers=[ingress for ingress in ingresses if ingress is not None],
        )

    async def _lack(self, entrance: Entrance, scope: Scope) -> status_of.Lack | None:
        """What the gateway lacks that others make."""
        if not await self._surroundings.has_pods(scope):
            labels = ",".join(f"{name}={value}" for name, value in scope.selector)
            message = (
                f"no pod in namespace {scope.namespace} has {labels}: install the gateway, or correct spec.gateway"
            )
            return status_of.Lack("GatewayNotFound", message)
        tls = gateway(entrance).tls
        if tls is None or await self._surroundings.has_certificate(scope.namespace, tls.secret_name):
            return None
        message = f"there is no Secret {scope.namespace}/{tls.secret_name} with tls.crt and tls.key yet: create it"
        return status_of.Lack("CertificateMissing", message)

    def _is_spread(self, key: Key, status: Mapping[str, Any]) -> bool:
        """Whether there are objects that no ownerReference takes along."""
        found = (self._cache.get(ref) for ref in self._cache.owned(key))
        return any(live is not None and controller_of(live) is None for live in found) or any(
            item["namespace"] != key.namespace for item in status.get("inventory") or ()
        )

    def forget(self, key: Key) -> None:
        """See `ResourceReconciler.forget`."""
        self._reporter.forget(key)
        self._entrances.forget(key)
        self._passages.forget(key)


def _owner(key: Key, obj: Manifest) -> Owner:
    made = frozenset(item["uid"] for item in (obj.get("status") or {}).get("inventory") or ())
    return Owner(key, obj["metadata"]["uid"], made)


def _gateway(scope: Scope) -> Key:
    return gateway_key(scope.namespace, dict(scope.selector))


def _later(progress: Progress) -> Retry | None:
    return Retry(min(progress.waits)) if progress.waits else None
