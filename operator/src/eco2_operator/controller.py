"""From watch events to work: keeps the cache true and puts the right resource into the queue.

In:  listed and watched objects (EcoDomains from kopf, all else from `watch`), the clock.
Out: keys in the work queue; metadata lists when a watch may have lost something.

A watch may lose deletions: after a relist what is gone is simply not mentioned. Our own watches compare every list with
the cache; for kopf's a relist is followed by a sweep: one metadata-only list, compared with the cache. Once per resync
every kind is swept.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from eco2_operator import concerns, metrics
from eco2_operator.cache import Cache, Change, newer
from eco2_operator.errors import ChildError, KindMissing
from eco2_operator.kinds import (
    AUTHORIZATION_POLICY,
    CHILDREN,
    CUSTOM_RESOURCE_DEFINITION,
    ECO_DOMAIN,
    ECO_INGRESS,
    ECO_SECRET_BINDING,
    ENTRANCE,
    ENVOY_FILTER,
    EXTERNAL_SECRET,
    INGRESS,
    KEPT,
    OBSERVED,
    OPTIONAL,
    RESOURCES,
    Kind,
)
from eco2_operator.kube import Reader
from eco2_operator.naming import SELECTOR, Key, Manifest, Ref
from eco2_operator.workqueue import WorkQueue

log = logging.getLogger(__name__)

MADE = (*CHILDREN, INGRESS, *OPTIONAL, *KEPT)
"""Kinds of objects that are ours; they, and what others make from them, carry our label."""
WATCHED = (*RESOURCES, *MADE, *OBSERVED)
RELIST_QUIET_SECONDS = 1.0
"""A relist comes as a burst of events; the sweep waits until the burst has passed."""
CONFIRM_SECONDS = 60.0
"""How long after the start kopf may take to list what we have listed."""
WATCH_GRACE_SECONDS = 5.0
"""How late a watch may be before a sweep counts an object as missed."""


class Controller:
    """The operator's senses.

    Args:
        namespaces: namespaces to sweep; ``("",)`` for the whole cluster.
        random: numbers in [0, 1).
        look_again: told the name of a CustomResourceDefinition that came, changed or went.
    """

    def __init__(
        self,
        cache: Cache,
        queue: WorkQueue[Key],
        reader: Reader,
        *,
        namespaces: Sequence[str],
        resync_seconds: float,
        random: Callable[[], float],
        look_again: Callable[[str], None] = lambda definition: None,
    ) -> None:
        self._look_again = look_again
        self._cache = cache
        self._queue = queue
        self._reader = reader
        self._namespaces = tuple(namespaces)
        self._resync_seconds = resync_seconds
        self._random = random
        self._listed: set[str] = set()
        self._sweeps: dict[Kind, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.missed: dict[str, int] = {}
        """Sweeps in a row, by kind, that found what the watch had not delivered."""
        self.informed = False
        """Whether everything that exists has been listed; it may be another operator that acts on it."""

    def first(self, obj: Mapping[str, Any]) -> None:
        """An EcoDomain of the list at the start, before kopf tells of it."""
        self._listed.add(obj["metadata"]["uid"])
        self._cache.put(obj)
        self._queue.add(_key(obj))

    def observe(self, kind: Kind, event_type: str | None, obj: Mapping[str, Any]) -> None:
        """A watch event. ``event_type`` None: from a list of kopf's, which is silent about what is gone."""
        if kind is CUSTOM_RESOURCE_DEFINITION:
            self._look_again(obj["metadata"]["name"])
            return
        uid = obj["metadata"]["uid"]
        if uid in self._listed:
            self._listed.discard(uid)
        elif event_type is None:
            self.sweep_soon(kind)
        if event_type == "DELETED":
            self._removed(kind, Ref.of(obj), obj)
        else:
            self._changed(kind, obj)

    def relisted(self, kind: Kind, namespace: str, live: set[Ref], version: str) -> None:
        """All that existed at a resourceVersion: what the cache has from before and is not among it is gone."""
        for ref in self._cache.refs(kind.group, kind.name):
            known = self._cache.version(ref)
            if ref in live or (namespace and ref.namespace != namespace) or known is None or newer(known, version):
                continue
            self._removed(kind, ref, None)

    def served(self, kind: Kind, *, is_served: bool) -> None:
        """An optional kind is there, or is not: what needs it is reconciled anew."""
        if kind not in OPTIONAL or (kind.name in self._cache.served) == is_served:
            return
        log.info("optional kind", extra={"kind": kind.name, "served": is_served})
        self._cache.served ^= {kind.name}
        for resource in _makers(kind):
            self._add(self._cache.resources(resource.name))

    def sweep_soon(self, kind: Kind) -> None:
        """Sweep a kind after a moment of quiet."""
        loop = asyncio.get_running_loop()
        pending = self._sweeps.pop(kind, None)
        if pending is not None:
            pending.cancel()
        self._sweeps[kind] = loop.call_later(RELIST_QUIET_SECONDS, self._start_sweep, kind)

    async def run(self) -> None:
        """Work the queue and resync, until cancelled. To be called when everything that exists has been listed."""
        resync = asyncio.create_task(self._resync_forever(), name="resync")
        confirm = asyncio.get_running_loop().call_later(CONFIRM_SECONDS, self._confirm)
        try:
            await self._queue.run()
        finally:
            for timer in (confirm, *self._sweeps.values()):
                timer.cancel()
            for task in (resync, *self._tasks):
                task.cancel()

    def _confirm(self) -> None:
        """What was listed at the start and kopf never told of was deleted between the two lists."""
        if self._listed:
            self._listed.clear()
            self.sweep_soon(ECO_DOMAIN)

    async def sweep(self, kind: Kind) -> int:
        """Compare the cache with a metadata-only list; how many objects the watch had missed."""
        metrics.SWEEPS.labels(kind.name).inc()
        if kind in OPTIONAL and kind.name not in self._cache.served:
            return 0
        selector = "" if kind in RESOURCES else SELECTOR
        known = {ref: self._cache.version(ref) for ref in self._cache.refs(kind.group, kind.name)}
        live: dict[Ref, tuple[str, str]] = {}
        for namespace in self._namespaces:
            items, _ = await self._reader.list_metadata(kind, namespace, selector)
            for item in items:
                metadata = item["metadata"]
                ref = Ref(kind.group, kind.name, metadata.get("namespace", ""), metadata["name"])
                live[ref] = (metadata["resourceVersion"], metadata["uid"])
        suspects = [ref for ref, (version, _) in live.items() if self._cache.version(ref) != version]
        suspects += [ref for ref in known if ref not in live]
        if not suspects:
            return 0
        await asyncio.sleep(WATCH_GRACE_SECONDS)
        return sum([await self._settle(kind, ref, known.get(ref)) for ref in suspects])

    async def _settle(self, kind: Kind, ref: Ref, before: str | None) -> int:
        """Read one object that looked different; 1 when the watch has still not told about it."""
        if self._cache.version(ref) != before:
            return 0
        obj = await self._reader.get(kind, ref.namespace, ref.name)
        if obj is None or (kind not in RESOURCES and not _selected(obj)):
            if self._cache.version(ref) is None:
                return 0
            self._removed(kind, ref, None)
            return 1
        if self._cache.version(ref) == obj["metadata"]["resourceVersion"]:
            return 0
        self._changed(kind, obj)
        return 1

    def _changed(self, kind: Kind, obj: Mapping[str, Any]) -> None:
        ref = Ref.of(obj)
        before = self._cache.get(ref) if kind in concerns.COMPARED else None
        former = self._cache.owner(ref)
        if self._cache.put(obj) is Change.SAME:
            return
        self._add(concerns.by_change(self._cache, kind, ref, before, obj))
        if kind in MADE and former is not None and former != self._cache.owner(ref):  # it was stripped of its owner
            self._queue.add(former)

    def _removed(self, kind: Kind, ref: Ref, obj: Mapping[str, Any] | None) -> None:
        """An object is gone, or lost the label we watch by."""
        uid = obj["metadata"]["uid"] if obj is not None else None
        before = self._cache.get(ref) if kind in concerns.COMPARED else None
        owner = self._cache.remove(ref, uid=uid)
        self._add(concerns.by_removal(self._cache, kind, ref, before, owner))

    def _add(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._queue.add(key)

    def _start_sweep(self, kind: Kind) -> None:
        self._sweeps.pop(kind, None)
        task = asyncio.create_task(self._sweep_safely(kind), name=f"sweep {kind.plural}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _sweep_safely(self, kind: Kind) -> None:
        """A relist's sweep: repeated until the API server answers."""
        try:
            await self.sweep(kind)
        except KindMissing:
            return
        except ChildError as error:
            log.warning("sweep will be repeated", extra={"kind": kind.name, "error": str(error)})
            self.sweep_soon(kind)

    async def _resync_forever(self) -> None:
        while True:
            await asyncio.sleep(self._resync_seconds * (0.9 + self._random() / 5))
            for kind in WATCHED:
                await self._resync(kind)
            spread = min(60.0, self._resync_seconds / 10)
            shared = self._cache.refs(ENVOY_FILTER.group, ENVOY_FILTER.name)
            owners = {owner for owner in map(self._cache.owner, shared) if owner is not None}
            resources = [key for kind in RESOURCES for key in self._cache.resources(kind.name)]
            for key in (*resources, *sorted(owners)):
                self._queue.add(key, after=0.001 + self._random() * spread)

    async def _resync(self, kind: Kind) -> None:
        try:
            missed = await self.sweep(kind)
        except KindMissing:
            return
        except ChildError as error:
            log.warning("resync skipped a kind", extra={"kind": kind.name, "error": str(error)})
            return
        except Exception:  # nothing may end the resync: it is what finds out that something else has ended
            log.exception("resync skipped a kind", extra={"kind": kind.name})
            return
        self.missed[kind.name] = self.missed.get(kind.name, 0) + 1 if missed else 0
        if missed:
            log.error("the watch had missed objects", extra={"kind": kind.name, "count": missed})


def _makers(kind: Kind) -> Iterator[Kind]:
    """Resources of which kinds need an optional kind."""
    if kind is EXTERNAL_SECRET:
        yield ECO_SECRET_BINDING
        return
    if kind in ENTRANCE:
        yield ECO_INGRESS
    if kind not in ENTRANCE or kind is AUTHORIZATION_POLICY:
        yield ECO_DOMAIN


def _key(obj: Mapping[str, Any]) -> Key:
    metadata = obj["metadata"]
    return Key(obj["kind"], metadata["namespace"], metadata["name"])


def _selected(obj: Manifest) -> bool:
    label, _, value = SELECTOR.partition("=")
    return (obj["metadata"].get("labels") or {}).get(label) == value
