"""One EcoSecretBinding: from the keys that are wanted to a Secret that holds them, by External Secrets or by ourselves.

cache -> parse -> read parameters (in the background) -> values (pure) -> apply -> status (pure) -> one write
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from eco2_operator.apply import ABSENT, Applier, Client, Owner
from eco2_operator.build import external_secret, secret
from eco2_operator.build.secret_context import Binding, SecretContext, backend
from eco2_operator.cache import Cache, Change
from eco2_operator.diff import difference, surplus
from eco2_operator.errors import ChildError, InvalidSpec, NameConflict, SecretError
from eco2_operator.kinds import ECO_SECRET_BINDING, EXTERNAL_SECRET, SECRET, Kind
from eco2_operator.model.base import milliseconds
from eco2_operator.model.resource import parse
from eco2_operator.model.secret import EcoSecretBindingSpec
from eco2_operator.naming import Key, Manifest, Ref, controller_uid
from eco2_operator.outcomes import Outcome
from eco2_operator.parameter_access import prefixes_of, split
from eco2_operator.parameters.store import Answers, ParameterStore
from eco2_operator.reconcile.reconciler import ResourceReconciler, retry_of
from eco2_operator.reconcile.report import Reporter
from eco2_operator.secret_values import Values, decode, resolve
from eco2_operator.status import secret as status_of
from eco2_operator.status.conditions import find
from eco2_operator.status.domain import of_error, of_suspended
from eco2_operator.workqueue import Backoff, Retry

BACKOFF = Backoff(base=1, cap=60)
"""Between two readings of parameters while one of them cannot be had, or the Secret cannot be written."""
_NO_JITTER = 0.5


@dataclass(frozen=True, slots=True)
class Prefixes:
    """Under which names a namespace may read parameters."""

    listed: Mapping[str, tuple[str, ...]]
    environment: str

    def of(self, namespace: str) -> tuple[str, ...]:
        """The prefixes of one namespace."""
        return prefixes_of(namespace, listed=self.listed, environment=self.environment)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the last reading came to; no values."""

    generation: int
    at: float
    errors: Mapping[str, SecretError]
    versions: Mapping[str, int]
    digests: Mapping[str, str]
    failures: int
    """In a row: parameters that could not be read, or a Secret that could not be written."""


class SecretReconciler(ResourceReconciler):
    """Reconciles EcoSecretBindings.

    Args:
        wake: puts a key into the queue: a binding's when its parameters have been read, and those of the domains that
            read its Secret when that changed.
        clock: monotonic seconds.
        now: the present time as RFC 3339 in UTC.
        instance: how this process signs its Events.
    """

    def __init__(
        self,
        client: Client,
        cache: Cache,
        store: ParameterStore,
        prefixes: Prefixes,
        *,
        wake: Callable[[Key], None],
        clock: Callable[[], float],
        now: Callable[[], str],
        instance: str,
    ) -> None:
        super().__init__(client, cache, clock=clock)
        self._store = store
        self._prefixes = prefixes
        self._wake = wake
        self._now = now
        self._applier = Applier(client, cache, clock=clock)
        self._reporter = Reporter(ECO_SECRET_BINDING, client, cache, clock=clock, now=now, instance=instance)
        self._reading: dict[Key, tuple[int, asyncio.Task[Answers]]] = {}
        self._known: dict[Key, _Known] = {}

    async def close(self) -> None:
        """End what is being read."""
        for _, task in self._reading.values():
            task.cancel()
        await asyncio.gather(*(task for _, task in self._reading.values()), return_exceptions=True)
        await self._store.close()

    async def reconcile(self, key: Key, obj: Manifest) -> Retry | None:
        """See `ResourceReconciler.reconcile`."""
        previous: Mapping[str, Any] = obj.get("status") or {}
        generation = obj["metadata"].get("generation", 1)
        self._reporter.note_change(key, generation, previous)
        try:
            binding = parse(obj, EcoSecretBindingSpec)
        except InvalidSpec as error:
            status = of_error(error, generation=generation, previous=previous, now=self._now())
            return await self._reporter.report(key, obj, status)
        if binding.suspended:
            status = of_suspended(generation=generation, previous=previous, now=self._now())
            return await self._reporter.report(key, obj, status)
        owner = Owner(key, binding.uid, frozenset(item["uid"] for item in previous.get("inventory") or ()))
        if backend(binding.spec, self._cache.served) == "external-secrets":
            seen, retry = await self._delegate(binding, owner)
        else:
            found = await self._fetch(binding, owner, previous)
            if found is None:
                return None  # it is woken when the parameters are there
            seen, retry = found
        status = status_of.of_binding(binding, seen, previous=previous, now=self._now())
        again = await self._reporter.report(key, obj, status)
        if find(status["conditions"], "Synced") != find(previous.get("conditions") or (), "Synced"):
            self._wake_readers(key.namespace, key.name)
        return again or retry

    def _put(self, secret: Manifest) -> None:
        """Store a Secret in the cache. Its watch event will look old then: whoever reads it has to be told here."""
        if self._cache.put(secret) is not Change.SAME:
            self._wake_readers(secret["metadata"]["namespace"], secret["metadata"]["name"])

    def _wake_readers(self, namespace: str, secret: str) -> None:
        for reader in self._cache.readers(namespace, secret):
            self._wake(reader)

    # -- External Secrets ----------------------------------------------------------------------------------------

    async def _delegate(self, binding: Binding, owner: Owner) -> tuple[status_of.Observation, Retry | None]:
        prefixes = self._prefixes.of(binding.namespace)
        _, refused = split([key.parameter for key in binding.spec.keys], prefixes, namespace=binding.namespace)
        ref = _ref(EXTERNAL_SECRET, binding)
        ctx = SecretContext("external-secrets", prefixes, external=self._cache.get(ref))
        manifest = external_secret.build(binding, ctx)
        outcomes = [await self._applier.apply(manifest, owner)] if manifest is not None else []
        if all(outcome.error is None for outcome in outcomes):
            outcomes += await self._hand_over(binding)
        seen = status_of.Observation(
            outcomes=outcomes,
            errors={key.name: refused[key.parameter] for key in binding.spec.keys if key.parameter in refused},
            digests=self._digests(binding),
            fetched=True,
            external=self._cache.get(ref),
        )
        return seen, retry_of(outcomes)

    async def _hand_over(self, binding: Binding) -> list[Outcome]:
        """Let go of a Secret we wrote: External Secrets takes none that somebody else controls. Its values stay."""
        ref = _ref(SECRET, binding)
        cached = self._cache.get(ref)
        if cached is None or controller_uid(cached) != binding.uid:
            return []
        live = await self._client.get(SECRET, ref.namespace, ref.name)
        if live is None or controller_uid(live) != binding.uid:
            return []
        metadata = {k: live["metadata"][k] for k in ("name", "namespace", "uid", "labels") if k in live["metadata"]}
        manifest = {"apiVersion": "v1", "kind": SECRET.name, "metadata": metadata, "data": live.get("data") or {}}
        self._put(await self._client.apply(SECRET, manifest, force=True))
        return [Outcome(ref, "unchanged")]

    # -- SSM -----------------------------------------------------------------------------------------------------

    async def _fetch(
        self, binding: Binding, owner: Owner, previous: Mapping[str, Any]
    ) -> tuple[status_of.Observation, Retry | None] | None:
        """Read the parameters if it is time, and write the Secret; None while they are being read."""
        key, outcomes = binding.key, []
        for item in previous.get("inventory") or ():  # it controls a Secret of the same name, which goes with it
            if item["kind"] == EXTERNAL_SECRET.name:
                ref = Ref(item["group"], item["kind"], item["namespace"], item["name"])
                outcomes.append(await self._applier.prune(ref, owner, uid=item["uid"]))
        if self._is_due(binding):
            prefixes = self._prefixes.of(binding.namespace)
            names = list(dict.fromkeys(k.parameter for k in binding.spec.keys))
            wanted, refused = split(names, prefixes, namespace=binding.namespace)
            answers = self._read(binding, wanted)
            if answers is None:
                return None
            values, outcome = await self._write(binding, {**refused, **answers}, prefixes)
            self._reading.pop(key, None)
            if outcome is not None:
                outcomes.append(outcome)
            failed = any(error.retryable for error in values.errors.values()) or any(o.error for o in outcomes)
            before = self._known.get(key)
            failures = (before.failures if before is not None else 0) + 1 if failed else 0
            self._known[key] = _Known(
                binding.generation, self._clock(), values.errors, values.versions, self._digests(binding), failures
            )
        else:
            outcomes.append(Outcome(_ref(SECRET, binding), "unchanged", self._cache.uid(_ref(SECRET, binding)) or ""))
        known = self._known[key]
        seen = status_of.Observation(
            outcomes=outcomes, errors=known.errors, digests=known.digests, versions=known.versions
        )
        retry = retry_of(outcomes) if not known.failures else None
        return seen, retry or Retry(self._pause(binding, known, outcomes))

    def _pause(self, binding: Binding, known: _Known, outcomes: list[Outcome]) -> float:
        """Seconds until the next look. The queue takes a read that has begun for a success: failures count here."""
        due = max(1.0, known.at + _interval(binding) - self._clock())
        if not known.failures:
            return due
        asked = [o.error.retry_after for o in outcomes if o.error is not None and o.error.retry_after is not None]
        return max([*asked, min(due, BACKOFF.delay(known.failures, _NO_JITTER))])

    def _is_due(self, binding: Binding) -> bool:
        """Whether the parameters have to be read: never yet, it is time again, or the Secret is another."""
        known = self._known.get(binding.key)
        return (
            known is None
            or known.generation != binding.generation
            or bool(known.errors)
            or bool(known.failures)
            or self._clock() - known.at >= _interval(binding)
            or known.digests != self._digests(binding)
        )

    def _read(self, binding: Binding, names: list[str]) -> Answers | None:
        """The parameters, if they have been read for this spec; else reading begins, and wakes us at its end.

        A store that is silent for half a minute must not hold a worker of the queue.
        """
        key = binding.key
        generation, task = self._reading.get(key, (0, None))
        if task is not None and not task.done():
            return None
        if task is not None and generation == binding.generation:
            return task.result()  # kept until it is written: an API server that is down must not make us read again
        started = asyncio.create_task(self._store.read(names, region=binding.spec.region), name=f"read {key}")
        started.add_done_callback(lambda _: self._wake(key))
        self._reading[key] = (binding.generation, started)
        return None

    async def _write(
        self, binding: Binding, answers: Answers, prefixes: tuple[str, ...]
    ) -> tuple[Values, Outcome | None]:
        """Write what was read, unless the Secret holds it already or is not ours."""
        ref = _ref(SECRET, binding)
        live = await self._client.get(SECRET, ref.namespace, ref.name)
        ours = live is not None and controller_uid(live) == binding.uid
        values = resolve(binding.spec.keys, answers, last=decode(live.get("data")) if live is not None and ours else {})
        manifest = secret.build(binding, SecretContext("ssm", prefixes, data=values.data))
        if manifest is None:
            return values, None
        if live is not None and not ours:
            message = f"{ref} exists and does not belong to this EcoSecretBinding: rename one of them, or delete it"
            return values, Outcome(ref, "failed", error=NameConflict(message))
        if live is not None and not difference(manifest, live) and not surplus(manifest, live):
            self._put(live)
            return values, Outcome(ref, "unchanged", live["metadata"]["uid"])
        manifest["metadata"] |= {"uid": live["metadata"]["uid"]} if live is not None else {"resourceVersion": ABSENT}
        try:
            written = await self._client.apply(SECRET, manifest, force=live is not None)
        except ChildError as error:
            return values, Outcome(ref, "failed", error=error)
        self._put(written)
        return values, Outcome(ref, "created" if live is None else "updated", written["metadata"]["uid"])

    def _digests(self, binding: Binding) -> dict[str, str]:
        """By key: what tells the live values apart."""
        cached = self._cache.get(_ref(SECRET, binding)) or {}
        wanted = {key.name for key in binding.spec.keys}
        return {name: digest for name, digest in (cached.get("digests") or {}).items() if name in wanted}

    def forget(self, key: Key) -> None:
        """See `ResourceReconciler.forget`."""
        self._reporter.forget(key)
        self._known.pop(key, None)
        _, task = self._reading.pop(key, (0, None))
        if task is not None:
            task.cancel()
        self._applier.forget(self._cache.owned(key))


def _ref(kind: Kind, binding: Binding) -> Ref:
    return Ref(kind.group, kind.name, binding.namespace, binding.name)


def _interval(binding: Binding) -> float:
    return milliseconds(binding.spec.refresh_interval) / 1000
