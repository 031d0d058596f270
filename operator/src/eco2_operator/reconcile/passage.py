"""In which order an entrance is opened, changed and closed, so that no request ever gets past its guards.

Guards (Gateway, policies) and routes reach the gateway apart from each other, so the order is made here, with pauses in
which both ends hear of it. Open: guards; when they have settled the gateway admits the entrance; then routes. Change:
guards first, with the rules they had besides; routes when these have settled; the old rules go when the routes have.
Close: routes; then the gateway admits it no longer; the guards go when that has settled.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from eco2_operator.apply import Applier, Owner
from eco2_operator.build.entrance.transition import union
from eco2_operator.cache import Cache
from eco2_operator.diff import difference, surplus
from eco2_operator.kinds import AUTHORIZATION_POLICY, GATEWAY, INGRESS, VIRTUAL_SERVICE
from eco2_operator.naming import Key, Manifest, Ref
from eco2_operator.outcomes import Outcome
from eco2_operator.plan import EntrancePlan, Plan
from eco2_operator.reconcile.gateway import GatewayReconciler, routes_of
from eco2_operator.reconcile.settling import Settling

WAYS_IN: Final = (VIRTUAL_SERVICE.name, INGRESS.name)
"""What lets requests in: removed first."""
_NO_ROUTES: Final = b""
_NOTHING: Final = EntrancePlan(Plan(()), Plan(()))


@dataclass(frozen=True, slots=True)
class Door:
    """Where an entrance is, and what its routes ask the gateway to say of their guards."""

    gateway: Key | None
    """None: it goes through no gateway."""
    id: str
    entry: str = ""


@dataclass(slots=True)
class Progress:
    """What was done, and what is waited for."""

    outcomes: list[Outcome] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    """Seconds until something that nobody tells of."""
    pending: str = ""
    """What the routes wait for, in words."""
    is_widened: bool = False
    """Whether a policy has more rules than wanted for the time being."""

    @property
    def failed(self) -> bool:
        """Whether something could not be written."""
        return any(outcome.error is not None for outcome in self.outcomes)

    @property
    def is_done(self) -> bool:
        """Whether everything is as wanted."""
        return not (self.failed or self.pending or self.waits)


class Passages:
    """Opens and closes entrances.

    Args:
        policies: since when the policies of (gateway, entrance id) are in place.
        routes: since when the routes of an EcoIngress are as they are, and since when it has left every other gateway.
        wake: puts a key into the queue.
    """

    def __init__(
        self,
        applier: Applier,
        cache: Cache,
        gateways: GatewayReconciler,
        policies: Settling,
        routes: Settling,
        *,
        wake: Callable[[Key], None],
    ) -> None:
        self._applier = applier
        self._cache = cache
        self._gateways = gateways
        self._policies = policies
        self._routes = routes
        self._wake = wake

    async def converge(self, plan: EntrancePlan, owner: Owner, door: Door, previous: Mapping[str, Any]) -> Progress:
        """Go as far as can be gone now.

        Args:
            previous: the status until now.
        """
        progress = Progress()
        if self._serves_others(plan):
            await self._leave(owner, door, progress)
            if not progress.is_done:
                return progress
        await self._guard(plan, owner, door, progress)
        if not progress.failed:
            await self._open(plan, owner, door, progress)
        if not progress.failed and not progress.pending:
            await self._clear(owner, door, previous, progress, plan)
        return progress

    async def close(self, owner: Owner, id_: str, previous: Mapping[str, Any]) -> Progress:
        """Remove all there is, as far as that can be done now."""
        progress = Progress()
        await self._clear(owner, Door(None, id_), previous, progress, _NOTHING)
        return progress

    def forget(self, key: Key) -> None:
        """Drop what is remembered about an EcoIngress that is gone."""
        for what in ("routes", "said", "left"):
            self._routes.forget((key, what))
        self._applier.forget(self._cache.owned(key))

    # -- guards --------------------------------------------------------------------------------------------------

    async def _guard(self, plan: EntrancePlan, owner: Owner, door: Door, progress: Progress) -> None:
        """Apply what must be in place before a route leads anywhere."""
        settled = self._settled(owner.key, door, plan)
        guards = [self._widened(guard, settled, progress) for guard in plan.guards.children]
        outcomes = list(await asyncio.gather(*(self._applier.apply(guard, owner) for guard in guards)))
        progress.outcomes += outcomes
        what = (door.gateway, door.id)
        if progress.failed or any(o.action != "unchanged" for o in outcomes if o.ref.kind != GATEWAY.name):
            self._policies.forget(what)
        if guards and not progress.failed:
            self._policies.note(what, door.entry)

    def _widened(self, guard: Manifest, settled: float | None, progress: Progress) -> Manifest:
        """A policy with the rules it has now besides, while routes may be in use that it had them for."""
        live = self._cache.get(Ref.of(guard)) if guard["kind"] == AUTHORIZATION_POLICY.name else None
        if live is None or settled == 0:
            return guard
        both = union(live, guard)
        if len(both["spec"]["rules"]) == len(guard["spec"]["rules"]):
            return guard
        progress.is_widened = True
        return both

    def _settled(self, key: Key, door: Door, plan: EntrancePlan) -> float | None:
        """Seconds until nothing is left of earlier routes; None when that does not depend on time alone.

        Routes as wanted for long enough; then the gateway says of the guards only what these ask, for long enough.
        """
        routes = self._settled_routes(key, plan)
        if routes != 0 or door.gateway is None:
            return routes
        self._gateways.steady(door.gateway, door.id, door.entry)
        entries = self._gateways.said(door.gateway, door.id)
        wait = self._routes.note((key, "said"), entries)
        return None if entries - {door.entry} else wait

    def _settled_routes(self, key: Key, plan: EntrancePlan) -> float | None:
        """Seconds until the live routes have been as wanted for long enough; None when they are not as wanted."""
        live, what = self._cache.get(routes_of(key)), (key, "routes")
        wanted = next(iter(plan.routes.children), None)
        if live is None:
            return self._routes.note(what, _NO_ROUTES)
        if wanted is None or difference(wanted, live) or surplus(wanted, live):
            return None
        return self._routes.note(what, orjson.dumps(wanted, option=orjson.OPT_SORT_KEYS))

    # -- ways in -------------------------------------------------------------------------------------------------

    async def _open(self, plan: EntrancePlan, owner: Owner, door: Door, progress: Progress) -> None:
        """Apply what lets requests in: routes when the gateway says what they ask, and their policies have settled."""
        for child in plan.load_balancer.children:  # in this order: what must not get through comes first
            progress.outcomes.append(await self._applier.apply(child, owner))
        if door.gateway is None:
            return
        for child in plan.routes.children:
            await self._route(child, door.gateway, plan, owner, door, progress)
        settled = self._settled(owner.key, door, plan)
        is_widened = progress.is_widened or bool(self._gateways.said(door.gateway, door.id) - {door.entry})
        if is_widened and settled is not None:
            progress.waits.append(settled)

    async def _route(
        self, routes: Manifest, gateway: Key, plan: EntrancePlan, owner: Owner, door: Door, progress: Progress
    ) -> None:
        is_admitted = door.entry in self._gateways.said(gateway, door.id)
        if not is_admitted:
            self._wake(gateway)
            progress.pending = "the gateway is told of the policies first, and then of the routes"
        live = self._cache.get(routes_of(owner.key))
        is_as_wanted = live is not None and self._settled_routes(owner.key, plan) is not None
        settles = self._policies.wait((gateway, door.id), door.entry) or 0.0
        if is_as_wanted or (is_admitted and settles == 0):
            progress.outcomes.append(await self._applier.apply(routes, owner))
            return
        progress.pending = "the policies of the routes have to reach the gateway first"
        if settles > 0:
            progress.waits.append(settles)

    # -- what is not wanted any more -----------------------------------------------------------------------------

    async def _clear(
        self, owner: Owner, door: Door, previous: Mapping[str, Any], progress: Progress, plan: EntrancePlan
    ) -> None:
        """Remove what was made and is not wanted: what lets requests in first, the rest when that has settled."""
        stale = self._stale(owner.key, plan.by_ref(), previous)
        guards = [(ref, uid) for ref, uid in stale if ref.kind not in WAYS_IN]
        await self._prune([(ref, uid) for ref, uid in stale if ref.kind in WAYS_IN], owner, progress)
        if not guards:
            self._routes.forget((owner.key, "left"))
        elif not progress.failed and self._has_left(owner.key, door, plan, progress):
            await self._prune(guards, owner, progress)

    async def _leave(self, owner: Owner, door: Door, progress: Progress) -> None:
        """Close the way through a gateway before its objects serve another one: there is no way without a gap."""
        ref = routes_of(owner.key)
        uid = self._cache.uid(ref)
        await self._prune([(ref, uid)] if uid is not None else [], owner, progress)
        if not progress.failed and not self._has_left(owner.key, door, _NOTHING, progress):
            progress.pending = "the way through the former gateway is closed first"

    async def _prune(self, stale: Iterable[tuple[Ref, str]], owner: Owner, progress: Progress) -> None:
        for ref, uid in stale:
            progress.outcomes.append(await self._applier.prune(ref, owner, uid=uid))

    def _has_left(self, key: Key, door: Door, plan: EntrancePlan, progress: Progress) -> bool:
        """Whether all know that the entrance has no other routes than the wanted ones, and is at no other gateway."""
        others = [other for other in self._gateways.admitting(door.id) if other != door.gateway]
        if others:
            self._routes.forget((key, "left"))
            progress.pending = f"{' and '.join(map(str, others))} has to close first"
            for other in others:
                self._wake(other)
            return False
        settled = self._settled(key, door, plan) if plan.routes.children else 0.0
        if settled is None:
            return False
        wait = max(settled, self._routes.note((key, "left"), door.gateway))
        if wait > 0:
            progress.waits.append(wait)
            return False
        self._routes.forget((key, "left"))
        return True

    def _serves_others(self, plan: EntrancePlan) -> bool:
        """Whether a live Gateway of a wanted name selects other pods than wanted."""
        wanted = [child for child in plan.guards.children if child["kind"] == GATEWAY.name]
        found = [(child, self._cache.get(Ref.of(child))) for child in wanted]
        return any(
            live is not None and (live.get("spec") or {}).get("selector") != child["spec"]["selector"]
            for child, live in found
        )

    def _stale(self, key: Key, wanted: Iterable[Ref], previous: Mapping[str, Any]) -> list[tuple[Ref, str]]:
        """What was made and is not wanted: by the inventory, and by its owner in the cache."""
        stale = {
            Ref(item["group"], item["kind"], item["namespace"], item["name"]): str(item["uid"])
            for item in previous.get("inventory") or ()
        }
        stale |= {ref: self._cache.uid(ref) or "" for ref in self._cache.owned(key)}
        return sorted((ref, uid) for ref, uid in stale.items() if ref not in set(wanted))
