"""Rules: which request gets which fault, and what happens at a certain write."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from support.faults.actions import Action, LineAction
from support.faults.exchange import Exchange, Match


@dataclass(eq=False)
class Rule:
    """A fault in force until it is lifted, as a context manager or by hand.

    Args:
        every: only each n-th matching request.
        first: only the first n matching requests of each target (verb, resource, name).
        limit: only the first n matching requests at all.
    """

    match: Match
    action: Action | LineAction
    every: int = 1
    first: int | None = None
    limit: int | None = None
    hits: list[Exchange] = field(default_factory=list)
    """The requests it was applied to; for lines, the watch once for each line."""
    lifted: asyncio.Event = field(default_factory=asyncio.Event)
    on_lift: Callable[[], None] | None = None
    _seen: int = 0
    _targets: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def takes(self, exchange: Exchange, *, event: str = "") -> bool:
        """Whether it applies to this request or line, which it counts."""
        if self.lifted.is_set() or not self.match.fits(exchange, event=event):
            return False
        self._seen += 1
        self._targets[exchange.target] += 1
        wanted = (
            self._seen % self.every == 0
            and (self.first is None or self._targets[exchange.target] <= self.first)
            and (self.limit is None or len(self.hits) < self.limit)
        )
        if wanted:
            self.hits.append(exchange)
            exchange.fault = str(self.action)
        return wanted

    def lift(self) -> None:
        """End it; returns when no request can meet it any more."""
        if self.on_lift is not None:
            self.on_lift()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.lift()


@dataclass(eq=False)
class Step:
    """Calls `hook`, in a thread of its own, right before or right after the n-th matching write.

    While there is a step, writes go through the proxy one after the other: those that wait are not done when `hook`
    kills who asked for them. The answer to the n-th write is held until the hook returns.
    """

    match: Match
    nth: int
    hook: Callable[[], None]
    after: bool = True
    done: threading.Event = field(default_factory=threading.Event)
    count: int = 0
    running: bool = False
    """While the hook runs nobody's write is passed on."""

    def begins(self, exchange: Exchange) -> bool:
        """Count a write; whether the hook is due before it."""
        if not exchange.is_write or not self.match.fits(exchange):
            return False
        self.count += 1
        return self._is_due(after=False)

    def ends(self, exchange: Exchange) -> bool:
        """Whether the hook is due after this write."""
        return exchange.is_write and self.match.fits(exchange) and self._is_due(after=True)

    def run(self) -> None:
        """Call the hook."""
        try:
            self.hook()
        finally:
            self.running = False
            self.done.set()

    def _is_due(self, *, after: bool) -> bool:
        self.running = self.after is after and self.count == self.nth and not self.done.is_set()
        return self.running
