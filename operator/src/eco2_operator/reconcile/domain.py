"""The story of the program: one resource from what is wanted to what is, and the truth about it in its status.

cache -> parse -> gather -> plan (pure) -> diff (pure) -> apply -> status (pure) -> one write
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from eco2_operator import sources
from eco2_operator.apply import Applier, Client, Owner
from eco2_operator.build import hashes
from eco2_operator.build.context import Cluster, Domain
from eco2_operator.build.pod_template import pod_template
from eco2_operator.build.references import references
from eco2_operator.cache import Cache
from eco2_operator.errors import InvalidSpec, Unguarded
from eco2_operator.foreign import FRESH_SECONDS, SourceReader
from eco2_operator.gate import keeping_template
from eco2_operator.gather import domain_context, ignored_secrets, known_node_ports, stale_bindings
from eco2_operator.kinds import (
    DEPLOYMENT,
    ECO_DOMAIN,
    HORIZONTAL_POD_AUTOSCALER,
    KEPT,
    NETWORK_POLICY,
    OBSERVED,
    POD,
    REPLICA_SET,
    SERVICE_ACCOUNT,
    by_name,
)
from eco2_operator.migrations import Stage
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import parse
from eco2_operator.naming import SECRETS_ANNOTATION, Key, Manifest, Ref, child_name
from eco2_operator.outcomes import Outcome
from eco2_operator.plan import Plan, plan_domain
from eco2_operator.reconcile.history import History
from eco2_operator.reconcile.inquiry import Inquiry
from eco2_operator.reconcile.migration import MigrationRunner
from eco2_operator.reconcile.reconciler import ResourceReconciler, retry_of
from eco2_operator.reconcile.report import Reporter
from eco2_operator.reconcile.rotation import Rotation
from eco2_operator.slim import Digest
from eco2_operator.status import domain as status_of
from eco2_operator.status.conditions import find
from eco2_operator.workqueue import Retry

log = logging.getLogger(__name__)

GUARDS = (NETWORK_POLICY.name, SERVICE_ACCOUNT.name)
"""Without these no pod is started for the first time: it would be open to everybody, or run as somebody else."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything known before the first write."""

    plan: Plan
    missing: tuple[str, ...]
    """What the pods would read and is not there."""
    migration_missing: tuple[str, ...]
    """The same for the migration."""
    rotate_after: float | None
    """Seconds until changed Secrets replace the pods."""


class DomainReconciler(ResourceReconciler):
    """Reconciles EcoDomains.

    Args:
        clock: monotonic seconds.
        now: the present time as RFC 3339 in UTC.
        instance: how this process signs its Events.
        digest: what is told of a Secret's value.
        rotation_window: seconds for which changes of Secrets are collected into one rollout.
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
        digest: Digest = lambda name, value: "",
        rotation_window: float = 0.0,
    ) -> None:
        super().__init__(client, cache, clock=clock)
        self._cluster = cluster
        self._now = now
        self._applier = Applier(client, cache, clock=clock)
        self._reporter = Reporter(ECO_DOMAIN, client, cache, clock=clock, now=now, instance=instance)
        self._migrations = MigrationRunner(client, cache)
        self._sources = SourceReader(client, cache, digest=digest, clock=clock)
        self._rotation = Rotation(clock, rotation_window)
        self._history = History(client, cache)
        self._inquiry = Inquiry(client, clock)

    async def reconcile(self, key: Key, obj: Manifest) -> Retry | None:
        """See `ResourceReconciler.reconcile`."""
        obj = await self._reporter.catch_up(key, obj)
        previous: Mapping[str, Any] = obj.get("status") or {}
        generation = obj["metadata"].get("generation", 1)
        self._reporter.note_change(key, generation, previous)
        try:
            domain = parse(obj, EcoDomainSpec)
            if domain.suspended:
                status = status_of.of_suspended(generation=generation, previous=previous, now=self._now())
                return await self._reporter.report(key, obj, status)
            prepared = await self._prepare(domain, previous)
        except InvalidSpec as error:
            status = status_of.of_error(error, generation=generation, previous=previous, now=self._now())
            return await self._reporter.report(key, obj, status)
        outcomes, stage = await self._converge(domain, prepared, previous)
        seen, more = await self._inquiry.complete(domain, self._observe(domain, prepared, outcomes, stage))
        status = status_of.of_domain(domain, seen, previous=previous, now=self._now())
        retry = await self._reporter.report(key, obj, status)
        if (find(status["conditions"], "Ready") or {}).get("status") == "True":  # told first, remembered then
            await self._history.record(domain, obj["spec"])
        return retry or retry_of(outcomes) or _later(prepared, more)

    async def _prepare(self, domain: Domain, previous: Mapping[str, Any]) -> Prepared:
        """Look up what the pods read, and plan."""
        ctx = domain_context(domain, self._cache, self._cluster)
        read, read_by_migration = references(pod_template(domain, {})["spec"]), self._migrations.references(domain)
        if not read and not read_by_migration:
            return Prepared(plan_domain(domain, ctx), (), (), None)
        contents = await self._sources.contents(domain.namespace, (*read, *read_by_migration))
        live = self._live_hashes(domain)
        secrets, after = self._rotation.settle(
            domain.key,
            live=live,
            wanted=sources.rotated(read, contents, live=live, ignored=ignored_secrets(domain, self._cache)),
            at_once=_about_to_roll(previous, domain.generation),
        )
        plan = plan_domain(domain, replace(ctx, secrets=secrets))
        missing, migration_missing = sources.missing(read, contents), sources.missing(read_by_migration, contents)
        return Prepared(plan, tuple(missing), tuple(migration_missing), after)

    def _live_hashes(self, domain: Domain) -> dict[str, str]:
        live = self._cache.get(_deployment_of(domain)) or {}
        template = live.get("spec", {}).get("template", {})
        return hashes.load((template.get("metadata", {}).get("annotations") or {}).get(SECRETS_ANNOTATION, ""))

    async def _converge(
        self, domain: Domain, prepared: Prepared, previous: Mapping[str, Any]
    ) -> tuple[list[Outcome], Stage]:
        """Apply every child, pods last and behind the gate; prune only when all of them are as wanted."""
        made = frozenset(item["uid"] for item in previous.get("inventory") or ())
        owner = Owner(domain.key, domain.uid, made)
        children = prepared.plan.children
        guards = [child for child in children if child["kind"] != DEPLOYMENT.name]
        outcomes = list(await asyncio.gather(*(self._applier.apply(child, owner) for child in guards)))
        unguarded = [outcome.ref for outcome in outcomes if outcome.error is not None and outcome.ref.kind in GUARDS]
        stage = await self._migrations.advance(
            domain, previous, missing=prepared.migration_missing, guarded=not unguarded
        )
        for child in children[len(guards) :]:
            outcome = await self._apply_pods(
                domain, child, owner, unguarded, open_=stage.passed and not prepared.missing
            )
            if outcome is not None:
                outcomes.append(outcome)
        if any(outcome.error is not None for outcome in outcomes):
            return outcomes, stage
        for ref, uid in reversed(self._stale(domain, {Ref.of(child) for child in children}, previous)):
            outcomes.append(await self._applier.prune(ref, owner, uid=uid))
        return outcomes, stage

    async def _apply_pods(
        self, domain: Domain, child: Manifest, owner: Owner, unguarded: list[Ref], *, open_: bool
    ) -> Outcome | None:
        """Apply the Deployment; behind a closed gate with the pods it has, or not at all when it has none yet."""
        ref = Ref.of(child)
        live = self._cache.get(ref)
        if live is None and unguarded:
            return Outcome(ref, "failed", error=_unguarded(ref, unguarded))
        if not open_:
            if live is None:
                return None
            child = keeping_template(child, live)
        scaling = domain.spec.autoscaling
        first = scaling.min_replicas if scaling is not None else None
        return await self._applier.apply(child, owner, initial_replicas=first)

    def _stale(self, domain: Domain, wanted: set[Ref], previous: Mapping[str, Any]) -> list[tuple[Ref, str]]:
        """Children made earlier and not wanted any more: by the inventory, and by owner reference in the cache."""
        stale = {
            Ref(item["group"], item["kind"], item["namespace"], item["name"]): item["uid"]
            for item in previous.get("inventory") or ()
        }
        for ref in self._cache.owned(domain.key):
            uid = self._cache.uid(ref)
            if uid is not None and by_name(ref.group, ref.kind) not in (None, *OBSERVED, *KEPT):
                stale[ref] = uid
        return sorted((ref, uid) for ref, uid in stale.items() if ref not in wanted)

    def _observe(
        self, domain: Domain, prepared: Prepared, outcomes: list[Outcome], stage: Stage
    ) -> status_of.Observation:
        deployment = self._cache.get(_deployment_of(domain))
        below = self._cache.owned(domain.key) if deployment is not None else []
        autoscaler = HORIZONTAL_POD_AUTOSCALER
        return status_of.Observation(
            outcomes=outcomes,
            refused=prepared.plan.refused,
            deployment=deployment,
            autoscaler=self._cache.get(
                Ref(autoscaler.group, autoscaler.name, domain.namespace, child_name(domain.name))
            ),
            replica_sets=self._all(below, REPLICA_SET.name),
            pods=self._all(below, POD.name),
            node_ports=known_node_ports(domain, self._cache),
            migration=stage,
            missing=prepared.missing or prepared.migration_missing,
            stale_bindings=stale_bindings(domain, self._cache),
        )

    def _all(self, refs: list[Ref], kind: str) -> list[Manifest]:
        found = (self._cache.get(ref) for ref in refs if ref.kind == kind)
        return [obj for obj in found if obj is not None]

    def forget(self, key: Key) -> None:
        """See `ResourceReconciler.forget`."""
        self._reporter.forget(key)
        self._rotation.forget(key)
        self._inquiry.forget(key)
        self._applier.forget(self._cache.owned(key))


def _about_to_roll(previous: Mapping[str, Any], generation: int) -> bool:
    """Whether the pods will be replaced anyway: for a new spec, also one that waits for its migration or a Secret."""
    gates = (find(previous.get("conditions") or (), name) or {} for name in ("MigrationComplete", "SecretsReady"))
    return previous.get("observedGeneration") != generation or any(gate.get("status") != "True" for gate in gates)


def _deployment_of(domain: Domain) -> Ref:
    return Ref(DEPLOYMENT.group, DEPLOYMENT.name, domain.namespace, child_name(domain.name))


def _unguarded(ref: Ref, missing: list[Ref]) -> Unguarded:
    guards = " and ".join(map(str, missing))
    return Unguarded(f"{ref} waits for {guards}: its pods would be unguarded until then")


def _later(prepared: Prepared, more: float | None) -> Retry | None:
    """Come back for what no event will tell: a Secret that is not watched appeared, the window for rotations closed,
    pods that run are still not ready."""
    waits = [wait for wait in (prepared.rotate_after, more) if wait is not None]
    if prepared.missing or prepared.migration_missing:
        waits.append(FRESH_SECONDS)
    return Retry(min(waits)) if waits else None
