"""Drive the migration of a domain: create its Job when everything is ready for it, tell how it goes, tidy up."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from eco2_operator import metrics
from eco2_operator.apply import Client
from eco2_operator.build import migration
from eco2_operator.build.context import Domain
from eco2_operator.build.references import Reference, references
from eco2_operator.cache import Cache
from eco2_operator.errors import ChildError, Conflict
from eco2_operator.kinds import JOB, POD
from eco2_operator.migrations import Stage, stage, superfluous
from eco2_operator.naming import Manifest, Ref, controller_uid
from eco2_operator.reconcile.last_words import last_words
from eco2_operator.slim import JOB_NAME_LABEL
from eco2_operator.status.conditions import find
from eco2_operator.status.pods import trouble

log = logging.getLogger(__name__)

TAIL_CHARACTERS = 1200
"""Of the log of a failed migration, in the condition and the Event."""


class MigrationRunner:
    """Runs the migrations of EcoDomains."""

    def __init__(self, client: Client, cache: Cache) -> None:
        self._client = client
        self._cache = cache

    def references(self, domain: Domain) -> tuple[Reference, ...]:
        """What the migration's pods read."""
        digest, migrations = migration.migration_hash(domain), domain.spec.migrations
        if digest is None or migrations is None:
            return ()
        return references(migration.job(domain, migrations, digest)["spec"]["template"]["spec"])

    async def advance(
        self, domain: Domain, previous: Mapping[str, Any], *, missing: Sequence[str], guarded: bool
    ) -> Stage:
        """Bring the migration one step further.

        Args:
            previous: the domain's status as last written.
            missing: what its pods would read and is not there.
            guarded: whether its ServiceAccount and its policies are in place.

        Raises:
            ChildError: when the API server refuses or does not answer; nothing is half done then.
        """
        present = self._stage(domain, previous, missing)
        if present.step == "start":
            if not guarded:
                message = "the migration waits for its ServiceAccount and NetworkPolicy"
                record = {**(present.record or {}), "state": "Waiting"}  # nothing runs: it would look lost otherwise
                return replace(present, step="waiting", reason="Unguarded", message=message, record=record)
            await self._create(domain, present.digest)
            present = self._stage(domain, previous, missing)
        if present.step == "running" and present.job is not None:
            present = self._with_trouble(domain, present, present.job)
        if present.step == "failed":
            present = await self._with_log(domain, present, previous)
        await self._tidy(domain, present.digest)
        return present

    def _stage(self, domain: Domain, previous: Mapping[str, Any], missing: Sequence[str]) -> Stage:
        digest = migration.migration_hash(domain)
        return stage(
            digest,
            name=domain.name,
            jobs=self._jobs(domain),
            previous=previous.get("migration") or {},
            missing=missing,
        )

    def _jobs(self, domain: Domain) -> list[Manifest]:
        """The Jobs of this resource; those of an earlier one of the same name are about to be collected."""
        found = (self._cache.get(ref) for ref in self._cache.owned(domain.key) if ref.kind == JOB.name)
        return [job for job in found if job is not None and controller_uid(job) == domain.uid]

    async def _create(self, domain: Domain, digest: str) -> None:
        migrations = domain.spec.migrations
        if migrations is None:
            return
        manifest = migration.job(domain, migrations, digest)
        ref = Ref.of(manifest)
        try:
            created = await self._client.create(JOB, manifest)
            metrics.MIGRATIONS.labels("started").inc()
            log.info("migration started", extra={"key": str(domain.key), "job": ref.name})
        except Conflict:  # our own, of a life before this process, or somebody else's
            found = await self._client.get(JOB, ref.namespace, ref.name)
            if found is None:
                raise
            if controller_uid(found) != domain.uid:
                raise Conflict(
                    f"{ref} exists and is not of this EcoDomain; delete it, or wait until it is gone"
                ) from None
            created = found
        self._cache.put(created)

    def _with_trouble(self, domain: Domain, present: Stage, job: Manifest) -> Stage:
        """A Job whose pod cannot start goes on waiting for it until its deadline: say why."""
        causes = [cause for pod in self._pods(domain, job) if (cause := trouble(pod)) is not None]
        if not causes:
            return present
        return replace(present, reason=causes[0].reason, message=f"{present.message}, but {causes[0].message}")

    async def _with_log(self, domain: Domain, present: Stage, previous: Mapping[str, Any]) -> Stage:
        """The last lines the migration wrote; read once, then taken from the condition."""
        before = previous.get("migration") or {}
        told = find(previous.get("conditions") or (), "MigrationComplete") or {}
        if (before.get("hash"), before.get("state")) == (present.digest, "Failed") and told.get(
            "reason"
        ) == present.reason:
            return replace(present, message=str(told["message"]))
        metrics.MIGRATIONS.labels("failed").inc()
        if present.job is None:
            return present
        tail = await self._tail(domain, present.job)
        return replace(present, message=f"{present.message}; it wrote: {tail}") if tail else present

    async def _tail(self, domain: Domain, job: Manifest) -> str:
        pods = sorted(
            self._pods(domain, job), key=lambda pod: pod["metadata"].get("creationTimestamp") or "", reverse=True
        )
        for pod in pods:
            try:
                words = await last_words(
                    self._client,
                    (domain.namespace, pod["metadata"]["name"], migration.CONTAINER),
                    reads=self.references(domain),
                )
                if words:
                    return words[-TAIL_CHARACTERS:]
            except ChildError as error:  # the failure itself must be told, with the log or without
                log.warning("no log of the migration", extra={"key": str(domain.key), "error": str(error)})
        return ""

    def _pods(self, domain: Domain, job: Manifest) -> list[Manifest]:
        name = job["metadata"]["name"]
        found = (self._cache.get(ref) for ref in self._cache.owned(domain.key) if ref.kind == POD.name)
        return [pod for pod in found if pod is not None and pod["metadata"]["labels"].get(JOB_NAME_LABEL) == name]

    async def _tidy(self, domain: Domain, digest: str) -> None:
        for job in superfluous(self._jobs(domain), digest):
            ref = Ref.of(job)
            await self._client.delete(JOB, ref.namespace, ref.name, uid=job["metadata"]["uid"])
            self._cache.remove(ref, uid=job["metadata"]["uid"])
