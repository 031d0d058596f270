"""Bring children to their wanted state: one outcome per child, never stopping at the first error.

In:  wanted manifests, the cache (live state), the resource they belong to.
Out: server-side applies for what differs, deletes for what is no longer wanted, an `Outcome` for each.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Protocol

import orjson

from eco2_operator import metrics
from eco2_operator.cache import Cache
from eco2_operator.diff import Difference, difference, owned_fields, surplus
from eco2_operator.errors import ChildError, Conflict, FieldConflict, KindMissing, NameConflict, NodePortTaken
from eco2_operator.failures import ManagerConflict
from eco2_operator.holders import Owner as Owner
from eco2_operator.holders import is_ours, whose
from eco2_operator.kinds import DEPLOYMENT, SERVICE, Kind, by_name
from eco2_operator.kube import Reader, Writer
from eco2_operator.naming import FIELD_MANAGER, REPLICAS_MANAGER, Manifest, Ref
from eco2_operator.outcomes import Action, Outcome
from eco2_operator.ownership import LIMIT, WINDOW, Fights, without

ABSENT = "1"
"""A resourceVersion that no object has: versions are etcd's revisions, and its first write is number 2. An apply that
names it creates the object, or is refused with 409 when there is one: it cannot adopt. docs/adr/0003."""


class Client(Reader, Writer, Protocol):
    """Reads and writes."""


class Applier:
    """Applies and prunes children; remembers what it applied so that the same input is not applied twice.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, client: Client, cache: Cache, *, clock: Callable[[], float]) -> None:
        self._client = client
        self._cache = cache
        self._fights = Fights(clock)
        self._settled: dict[Ref, tuple[bytes, str]] = {}

    async def apply(self, desired: Manifest, owner: Owner, *, initial_replicas: int | None = None) -> Outcome:
        """Create or mend one child.

        Args:
            initial_replicas: for a Deployment without ``replicas`` (an autoscaler owns it): its number at creation.
        """
        ref = Ref.of(desired)
        try:
            outcome = await self._converge(ref, desired, owner, initial_replicas)
        except NodePortTaken as error:
            return Outcome(ref, "failed", self._uid(ref, owner), self._name_holder(desired, error))
        except ChildError as error:
            return Outcome(ref, "failed", self._uid(ref, owner), error)
        if outcome.repaired:
            metrics.DRIFT_REPAIRS.labels(ref.kind).inc()
        return outcome

    async def prune(self, ref: Ref, owner: Owner, *, uid: str) -> Outcome:
        """Delete a child that is no longer wanted, if it is still the object we made."""
        try:
            kind = _kind(ref)
        except KindMissing as error:  # a later version made it
            return Outcome(ref, "failed", uid, error)
        try:
            live = self._cache.get(ref) or await self._client.get(kind, ref.namespace, ref.name)
            self._settled.pop(ref, None)
            if live is None or live["metadata"]["uid"] != uid or not is_ours(live, owner):
                return Outcome(ref, "unchanged")
            await self._client.delete(kind, ref.namespace, ref.name, uid=uid)
        except KindMissing:  # the definition is gone, and every object with it
            return Outcome(ref, "deleted", uid)
        except ChildError as error:
            return Outcome(ref, "failed", uid, error)
        self._cache.remove(ref, uid=uid)
        metrics.PRUNES.labels(ref.kind).inc()
        return Outcome(ref, "deleted", uid)

    def forget(self, refs: Sequence[Ref]) -> None:
        """Drop what is remembered about children that are gone for good."""
        for ref in refs:
            self._settled.pop(ref, None)

    async def _converge(self, ref: Ref, desired: Manifest, owner: Owner, initial_replicas: int | None) -> Outcome:
        kind = _kind(ref)
        conceded = self._fights.conceded(ref)
        wanted = without(desired, list(conceded)) if conceded else desired
        digest = hashlib.blake2b(orjson.dumps(wanted, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
        settled = self._settled.get(ref)
        if settled == (digest, self._cache.version(ref)) and not conceded:  # nobody has touched it since
            return Outcome(ref, "unchanged", self._cache.uid(ref) or "")
        live = self._cache.get(ref)
        if live is None and settled is not None:  # we made it: it was deleted, or lost the label we watch by
            live = await self._client.get(kind, ref.namespace, ref.name)
        created = False
        if live is None:
            live, created = await self._create(kind, ref, wanted, initial_replicas)
        if not created:
            _check(ref, live, owner)
        repaired = settled is not None and settled[0] == digest
        changes = _changes(wanted, live) or _is_lent(wanted, live)
        if not changes or (not created and settled == (digest, live["metadata"]["resourceVersion"])):
            result = live
            action: Action = "created" if created else "unchanged"
        else:
            result = await self._write(kind, ref, wanted, live)
            action = "created" if created else "updated"
        self._cache.put(result)
        lost = self._fights.conceded(ref)
        if lost == conceded:
            self._settled[ref] = (digest, result["metadata"]["resourceVersion"])
        else:  # less was written than the digest stands for
            self._settled.pop(ref, None)
        _refuse_conceded(owner, desired, result, lost)
        return Outcome(ref, action, result["metadata"]["uid"], repaired=repaired and action != "unchanged")

    async def _create(
        self, kind: Kind, ref: Ref, wanted: Manifest, initial_replicas: int | None
    ) -> tuple[Manifest, bool]:
        """An apply that creates and never adopts. The object, and whether it is new."""
        manifest = {**wanted, "metadata": {**wanted["metadata"], "resourceVersion": ABSENT}}
        if kind is DEPLOYMENT and "replicas" not in wanted["spec"]:
            manifest["spec"] = {**wanted["spec"], "replicas": initial_replicas or 1}
        try:
            return await self._client.apply(kind, manifest), True
        except (Conflict, ManagerConflict) as conflict:
            live = await self._client.get(kind, ref.namespace, ref.name)
            if live is None:
                raise Conflict(f"{ref} went while it was looked at; it is made at the next attempt") from conflict
            return live, False

    async def _write(self, kind: Kind, ref: Ref, wanted: Manifest, live: Manifest) -> Manifest:
        if kind is DEPLOYMENT and "replicas" not in wanted["spec"]:
            await self._hand_over_replicas(live)
        if not _is_lent(wanted, live):
            return await self._mend(kind, ref, wanted, live)
        # Step by step, and what is done is remembered: an attempt that fails half-way is not begun anew.
        if live["spec"].get("replicas") != wanted["spec"]["replicas"]:  # else we would conflict with ourselves
            lent = {**_identity(live), "spec": {"replicas": wanted["spec"]["replicas"]}}
            live = await self._client.apply(kind, lent, manager=REPLICAS_MANAGER, force=True)
            self._cache.put(live)
        if _changes(wanted, live) or not _owns_replicas(live, FIELD_MANAGER):
            live = await self._mend(kind, ref, wanted, live)
            self._cache.put(live)
        return await self._client.apply(kind, _identity(live), manager=REPLICAS_MANAGER)

    async def _mend(self, kind: Kind, ref: Ref, wanted: Manifest, live: Manifest) -> Manifest:
        manifest = {**wanted, "metadata": {**wanted["metadata"], "uid": live["metadata"]["uid"]}}
        try:
            return await self._client.apply(kind, manifest)
        except ManagerConflict as conflict:
            self._fights.record(ref, conflict.fields)
            conceded = self._fights.conceded(ref)
            manifest = without(manifest, list(conceded)) if conceded else manifest
            try:
                return await self._client.apply(kind, manifest, force=True)
            except ChildError:
                self._fights.withdraw(ref, conflict.fields)
                raise

    async def _hand_over_replicas(self, live: Manifest) -> None:
        """Give ``spec.replicas`` to a second manager before we drop it: a field without owner falls back to 1."""
        if not _owns_replicas(live, FIELD_MANAGER) or _owns_replicas(live, REPLICAS_MANAGER):
            return
        handover = {**_identity(live), "spec": {"replicas": live["spec"].get("replicas", 1)}}
        await self._client.apply(DEPLOYMENT, handover, manager=REPLICAS_MANAGER, force=True)

    def _name_holder(self, desired: Manifest, error: NodePortTaken) -> NodePortTaken:
        """The same error, saying which Service has the port if it is one of ours, and what to do."""
        wanted = {port.get("nodePort") for port in desired["spec"]["ports"]}
        holders = [
            f"{ref.namespace}/{ref.name} has {port['nodePort']}"
            for ref in self._cache.refs(SERVICE.group, SERVICE.name)
            if ref != Ref.of(desired)
            for port in (self._cache.get(ref) or {}).get("spec", {}).get("ports") or ()
            if port.get("nodePort") in wanted - {None}
        ]
        who = f"Service {', '.join(holders)}" if holders else "a Service outside this operator has it"
        named = NodePortTaken(f"{error}; {who}: ask for another node port, or free this one and it is taken then")
        named.retry_after = error.retry_after
        return named

    def _uid(self, ref: Ref, owner: Owner) -> str:
        live = self._cache.get(ref)
        return str(live["metadata"]["uid"]) if live is not None and is_ours(live, owner) else ""


def _kind(ref: Ref) -> Kind:
    kind = by_name(ref.group, ref.kind)
    if kind is None:
        raise KindMissing(f"{ref}: this version of the operator does not know {ref.group}/{ref.kind}")
    return kind


def _check(ref: Ref, live: Manifest, owner: Owner) -> None:
    """Refuse to touch an object that is not ours, or that is on its way out."""
    if not is_ours(live, owner):
        raise NameConflict(
            f"{ref} exists and {whose(live, owner)}; it is left alone: "
            f"rename or delete it, or rename the {owner.key.kind}"
        )
    if live["metadata"].get("deletionTimestamp"):
        raise Conflict(f"{ref} is being deleted; it is made again once it is gone")


def _identity(live: Manifest) -> Manifest:
    metadata = live["metadata"]
    return {
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        "metadata": {k: metadata[k] for k in ("name", "namespace", "uid")},
    }


def _owns_replicas(live: Manifest, manager: str) -> bool:
    return "f:replicas" in owned_fields(live, manager=manager).get("f:spec", {})


def _is_lent(wanted: Manifest, live: Manifest) -> bool:
    """Whether the second manager still holds ``spec.replicas`` although we want it ourselves again."""
    return wanted["kind"] == DEPLOYMENT.name and "replicas" in wanted["spec"] and _owns_replicas(live, REPLICAS_MANAGER)


def _changes(wanted: Manifest, live: Manifest) -> list[Difference]:
    return difference(wanted, live) or surplus(wanted, live)


def _refuse_conceded(owner: Owner, desired: Manifest, live: Manifest, conceded: dict[str, str]) -> None:
    """Say that a field is not as wanted because somebody else insists on it."""
    if conceded and difference(desired, live):
        fields = ", ".join(f"{path} (held by {manager})" for path, manager in sorted(conceded.items()))
        raise FieldConflict(
            f"{Ref.of(desired)}: taken back {LIMIT} times within {WINDOW / 60:.0f} minutes: {fields}; eco2-operator "
            f"leaves it for now: stop the other manager or drop the field from the {owner.key.kind}"
        )
