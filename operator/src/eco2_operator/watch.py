"""List and watch one kind: first what exists, then every change, for ever.

In:  pages of lists and streams of changes from the API server.
Out: `Sink.observe` for every object and every change, `Sink.relisted` after every whole list.

A broken watch goes on from the last version it saw. When the server has forgotten that one (410), everything is listed
again; what was deleted meanwhile shows in `relisted`. https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from eco2_operator.errors import ChildError, Forbidden, KindMissing
from eco2_operator.failures import Expired
from eco2_operator.kinds import OPTIONAL, SURROUNDINGS, Kind
from eco2_operator.kube import Page
from eco2_operator.naming import Manifest, Ref
from eco2_operator.workqueue import Backoff

log = logging.getLogger(__name__)

BACKOFF = Backoff(base=0.5, cap=30)
MISSING_SECONDS = 30.0
"""How often a kind that the cluster does not serve is looked for again."""
OPTIONAL_SECONDS = 600.0
"""The same for a kind that a cluster may do without, and for what the operator may not look at."""
HOPES = 10
"""A new definition takes a moment until its kind is served: it is looked for this often, a second apart."""


class Source(Protocol):
    """What can be listed and watched."""

    def pages(self, kind: Kind, namespace: str, selector: str) -> AsyncIterator[Page]:
        """Every object the selector matches, page by page."""

    def changes(self, kind: Kind, namespace: str, selector: str, version: str) -> AsyncIterator[tuple[str, Manifest]]:
        """What changes after a resourceVersion: ADDED, MODIFIED, DELETED or BOOKMARK, and the object."""


class Sink(Protocol):
    """Who is told."""

    def observe(self, kind: Kind, event_type: str | None, obj: Mapping[str, Any]) -> None:
        """An object that exists, changed or is gone."""

    def relisted(self, kind: Kind, namespace: str, live: set[Ref], version: str) -> None:
        """All that existed at a resourceVersion."""

    def served(self, kind: Kind, *, is_served: bool) -> None:
        """Whether the cluster serves the kind."""


class Watcher:
    """Tells a sink about one kind in one namespace.

    Args:
        namespace: empty for all of them.
        random: numbers in [0, 1).
    """

    def __init__(
        self, source: Source, sink: Sink, kind: Kind, *, namespace: str, selector: str, random: Callable[[], float]
    ) -> None:
        self._source = source
        self._sink = sink
        self.kind = self._kind = kind
        self._namespace = namespace
        self._selector = selector
        self._random = random
        self._version = ""
        self._failures = 0
        self._listed = asyncio.Event()
        self._again = asyncio.Event()
        self._hopes = 0

    @property
    def name(self) -> str:
        """What it watches."""
        where = f"@{self._namespace}" if self._namespace else ""
        return f"watcher for {self._kind.plural}.{self._kind.version}.{self._kind.group}".rstrip(".") + where

    async def listed(self) -> None:
        """Wait until everything that exists has been told, or it is known that nothing can be."""
        await self._listed.wait()

    def look_again(self) -> None:
        """The kind's definition has changed: it may be served now."""
        self._hopes = HOPES
        self._again.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            pause = 0.0
            self._failures += 1  # a sign of life from the watch takes it back
            try:
                if not self._version:
                    self._version = await self._list()
                    self._sink.served(self._kind, is_served=True)
                    self._listed.set()
                await self._watch()
            except Expired:
                self._version = ""
            except KindMissing:
                self._version, pause = "", self._until_looked_for()
                self._sink.served(self._kind, is_served=False)
                self._listed.set()
            except ChildError as error:
                log.warning("watch will be resumed", extra={"watch": self.name, "error": str(error)})
                self._failures = max(self._failures, 1)
                pause = error.retry_after or 0.0
                if isinstance(error, Forbidden):
                    self._listed.set()  # one missing permission must not keep the other kinds from working
                    if self._kind in SURROUNDINGS:
                        pause = OPTIONAL_SECONDS
            if self._failures:
                pause = max(pause, BACKOFF.delay(self._failures, self._random()))
            await self._rest(pause)

    def _until_looked_for(self) -> float:
        """Seconds until a kind that is not served is looked for again."""
        if self._hopes:
            self._hopes -= 1
            self._failures = 1
            return 1.0
        return OPTIONAL_SECONDS if self._kind in OPTIONAL else MISSING_SECONDS

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._again.wait(), seconds)
        self._again.clear()

    async def _list(self) -> str:
        live: set[Ref] = set()
        version = ""
        async for page in self._source.pages(self._kind, self._namespace, self._selector):
            for obj in page.items:
                live.add(Ref.of(obj))
                self._sink.observe(self._kind, "ADDED", obj)
            version = page.version
        self._sink.relisted(self._kind, self._namespace, live, version)
        return version

    async def _watch(self) -> None:
        changes = self._source.changes(self._kind, self._namespace, self._selector, self._version)
        async for event_type, obj in changes:
            self._version = obj["metadata"]["resourceVersion"]
            self._failures = 0
            if event_type != "BOOKMARK":
                self._sink.observe(self._kind, event_type, obj)
