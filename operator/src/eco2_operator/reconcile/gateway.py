"""What the entrances of one gateway share: its EnvoyFilter, which lets in whoever has its policies in place.

EcoIngresses -> who is admitted -> plan (pure) -> apply; whoever is admitted now, or no longer, is told.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eco2_operator.apply import Applier, Client, Owner
from eco2_operator.build.context import Cluster
from eco2_operator.build.entrance import envoy_filter, guard
from eco2_operator.build.entrance.context import Admission, Entrance
from eco2_operator.build.entrance.names import entrance_id, gateway_key
from eco2_operator.cache import Cache
from eco2_operator.claims import Scope, scope_of
from eco2_operator.entrances import Entrances, without_spec
from eco2_operator.errors import ChildError
from eco2_operator.gather import gateway_context
from eco2_operator.kinds import ECO_INGRESS, ENVOY_FILTER, VIRTUAL_SERVICE
from eco2_operator.naming import Key, Manifest, Ref, child_name
from eco2_operator.outcomes import Outcome
from eco2_operator.reconcile.reconciler import Reconciler, retry_of
from eco2_operator.reconcile.settling import Settling
from eco2_operator.workqueue import Retry

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _User:
    """An EcoIngress that uses the gateway, or still does."""

    key: Key
    id: str
    obj: Manifest
    entrance: Entrance | None
    """None: its spec cannot be understood."""
    stays: bool
    """False: it leaves as soon as its routes are gone."""


class GatewayReconciler(Reconciler):
    """Looks after the EnvoyFilters.

    Args:
        policies: since when the policies of (gateway, entrance id) are in place.
        wake: puts a key into the queue.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        client: Client,
        cache: Cache,
        entrances: Entrances,
        cluster: Cluster,
        policies: Settling,
        *,
        wake: Callable[[Key], None],
        clock: Callable[[], float],
    ) -> None:
        super().__init__(cache, clock=clock)
        self._entrances = entrances
        self._cluster = cluster
        self._policies = policies
        self._wake = wake
        self._applier = Applier(client, cache, clock=clock)
        self._steady: dict[tuple[Key, str], str] = {}
        self.faults: dict[Key, ChildError] = {}
        """By gateway: why its EnvoyFilter is not as wanted."""

    def said(self, gateway: Key, id_: str) -> frozenset[str]:
        """What the live EnvoyFilter says of the guards of an entrance; its routes answer if it says what they ask."""
        return envoy_filter.said(self._cache.get(envoy_filter.ref(gateway))).get(id_, frozenset())

    def admitting(self, id_: str) -> list[Key]:
        """The gateways that let routes of an entrance answer."""
        refs = self._cache.refs(ENVOY_FILTER.group, ENVOY_FILTER.name)
        owners = ((ref, self._cache.owner(ref)) for ref in refs)
        return [key for ref, key in owners if key is not None and id_ in envoy_filter.said(self._cache.get(ref))]

    def steady(self, gateway: Key, id_: str, entry: str) -> None:
        """The routes of an entrance ask for nothing but this any more: what is said besides is to go."""
        self._steady[gateway, id_] = entry
        if self.said(gateway, id_) != {entry}:
            self._wake(gateway)

    async def work(self, key: Key) -> Retry | None:
        """See `Reconciler.work`."""
        if ENVOY_FILTER.name not in self._cache.served:  # whoever needs it says so, and is woken when it is served
            return None
        before = envoy_filter.said(self._cache.get(envoy_filter.ref(key)))
        users = list(self._users(key))
        if any(user.entrance is None and user.id in before for user in users):
            # What it wants is not known, so nothing can be made that it would still be part of.
            log.warning("gateway left as it is: an EcoIngress cannot be understood", extra={"key": str(key)})
            return None
        admissions, waits = self._admissions(key, users, before)
        outcome = await self._converge(key, users, admissions)
        self._tell(key, users, before, outcome)
        if outcome is not None and outcome.error is not None:
            return retry_of([outcome])
        return Retry(min(waits)) if waits else None

    def _users(self, gateway: Key) -> Iterator[_User]:
        for obj, entrance in self._entrances.all():
            metadata = obj["metadata"]
            key = Key(ECO_INGRESS.name, metadata["namespace"], metadata["name"])
            scope = scope_of(obj.get("spec") or {})
            here = scope != Scope() and gateway_key(scope.namespace, dict(scope.selector)) == gateway
            stays = here and not metadata.get("deletionTimestamp")
            yield _User(key, entrance_id(without_spec(obj)), obj, entrance, stays)

    def _admissions(
        self, gateway: Key, users: list[_User], live: Mapping[str, frozenset[str]]
    ) -> tuple[list[Admission], list[float]]:
        """Whose routes may answer, and the seconds until others may."""
        found: list[Admission] = []
        waits: list[float] = []
        for user in users:
            entrance = user.entrance
            hosts = self._entrances.claims(user.obj).hosts if entrance is not None else ()
            if entrance is None or not hosts or not user.stays:
                self._policies.forget((gateway, user.id))
                self._steady.pop((gateway, user.id), None)
            if entrance is None or not hosts:
                continue
            entry = guard.entry(entrance, hosts)
            entries = self._kept(gateway, user, entrance, entry, live.get(user.id, frozenset()))
            if user.stays and not entrance.suspended and entry not in entries:
                wait = self._policies.wait((gateway, user.id), entry)
                if wait == 0:
                    entries |= {entry}
                elif wait is not None:
                    waits.append(wait)
            if entries:
                found.append(Admission(entrance, hosts, entries))
        return found, waits

    def _kept(self, gateway: Key, user: _User, entrance: Entrance, entry: str, live: frozenset[str]) -> frozenset[str]:
        """What stays said: of whoever leaves until its routes are gone, of a change until its routes are there."""
        if user.stays and not entrance.suspended:
            return live & {entry} if self._steady.get((gateway, user.id)) == entry else live
        is_frozen = entrance.suspended and not user.obj["metadata"].get("deletionTimestamp")
        return live if is_frozen or self._leads_here(gateway, user.key) else frozenset()

    def _leads_here(self, gateway: Key, ingress: Key) -> bool:
        """Whether the routes of an EcoIngress still are on Gateways of the namespace."""
        routes = self._cache.get(routes_of(ingress)) or {}
        places = (routes.get("spec") or {}).get("gateways") or ()
        return any(place.startswith(f"{gateway.namespace}/") for place in places)

    async def _converge(self, key: Key, users: list[_User], admissions: list[Admission]) -> Outcome | None:
        ref = envoy_filter.ref(key)
        live = self._cache.get(ref)
        uid = live["metadata"]["uid"] if live is not None else ""
        # Nobody else makes an object of this name: one that has our fields is ours, also without its annotation.
        owner = Owner(key, "", frozenset({uid} if uid else ()))
        scope = _scope(key, users, live or {})
        manifest = None
        if admissions and scope is not None:
            manifest = envoy_filter.build(gateway_context(scope, admissions, self._cluster))
        if manifest is not None:
            return await self._applier.apply(manifest, owner)
        return await self._applier.prune(ref, owner, uid=uid) if uid else None

    def _tell(
        self, key: Key, users: list[_User], before: Mapping[str, frozenset[str]], outcome: Outcome | None
    ) -> None:
        """Wake whoever has something else said of it now; and all, when a fault comes or goes."""
        fault = outcome.error if outcome is not None else None
        former = self.faults.pop(key, None)
        if fault is not None:
            self.faults[key] = fault
        now = envoy_filter.said(self._cache.get(envoy_filter.ref(key)))
        everybody = str(fault) != str(former)
        for user in users:
            if before.get(user.id) != now.get(user.id) or (everybody and user.stays):
                self._wake(user.key)


def _scope(gateway: Key, users: list[_User], live: Mapping[str, Any]) -> Scope | None:
    """Namespace and selector of a gateway, of which the key is a hash; from its filter when nobody else names it."""
    labels = ((live.get("spec") or {}).get("workloadSelector") or {}).get("labels") or {}
    known = [scope_of(user.obj["spec"]) for user in users if user.stays]
    known.append(Scope(gateway.namespace, tuple(sorted(labels.items()))))
    return next((scope for scope in known if gateway_key(scope.namespace, dict(scope.selector)) == gateway), None)


def routes_of(ingress: Key) -> Ref:
    """The VirtualService of an EcoIngress."""
    return Ref(VIRTUAL_SERVICE.group, VIRTUAL_SERVICE.name, ingress.namespace, child_name(ingress.name))
