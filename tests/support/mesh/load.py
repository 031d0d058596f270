"""Visitors who do not stop asking while something changes."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from support.mesh.visitor import Line, Reply, ask
from support.waits import eventually

AFTERWARDS = 100
"""How many answers of each visitor show that it stays so."""

INTERVAL = 0.1
"""Seconds between the questions of the patient."""


class Visitor:
    """One request after the other, in a thread; with that many seconds in between."""

    def __init__(self, name: str, once: Callable[[], Reply | None], interval: float = 0) -> None:
        self.name = name
        self.replies: list[Reply] = []
        self._once = once
        self._interval = interval
        self._stop = threading.Event()
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End. Raises what has gone wrong in the visitor itself."""
        self._stop.set()
        self._thread.join()
        if self._fault is not None:
            raise self._fault

    def goes_on(self, count: int = AFTERWARDS) -> None:
        """Wait for so many more answers; or until there can be no more, when its connection was closed."""
        wanted = len(self.replies) + count
        eventually(lambda: len(self.replies) >= wanted or not self._thread.is_alive())

    @property
    def services(self) -> set[str]:
        """Who has answered, or with which status nobody did."""
        return {reply.service for reply in self.replies}

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._interval):
                reply = self._once()
                if reply is None:
                    return
                self.replies.append(reply)
        except Exception as fault:
            self._fault = fault


class Crowd:
    """Visitors at one gateway."""

    def __init__(self, stack: ExitStack, interval: float) -> None:
        self.visitors: list[Visitor] = []
        self._stack = stack
        self._interval = interval

    def fresh(self, port: int, path: str, **request: Any) -> Visitor:
        """Asks on a new connection each time."""
        return self._add(f"fresh {path}", lambda: ask(port, path, **request))

    def stubborn(self, port: int, path: str, **request: Any) -> Visitor:
        """Asks on one connection, opened now, until that is closed; it does not care that it is told to go."""
        tls: ssl.SSLContext | None = request.pop("tls", None)
        line = self._stack.enter_context(Line(port, tls, request["host"]))
        # Envoy chooses the filters of a connection when it takes it.
        line.ask("/before", host=request["host"])

        def once() -> Reply | None:
            reply = line.ask(path, **request)
            return reply if reply.status else None

        return self._add(f"stubborn {path}", once)

    def patient(self, port: int, path: str, *, count: int = 100, **request: Any) -> Visitor:
        """Opens many connections now, and asks on each of them once, at intervals: a question a while after the last.

        Envoy closes a connection soon after it was told to go, if it is asked there; one that is silent stays.
        """
        lines = [self._stack.enter_context(Line(port)) for _ in range(count)]
        for line in lines:
            line.ask("/before", host=request["host"])
        waiting = iter(lines)
        pace = threading.Event()

        def once() -> Reply | None:
            pace.wait(INTERVAL)
            line = next(waiting, None)
            return line.ask(path, **request) if line is not None else None

        return self._add(f"patient {path}", once)

    def polite(self, port: int, path: str, **request: Any) -> Visitor:
        """Keeps its connection, and takes another one when it is told to go, as browsers and proxies do."""
        tls: ssl.SSLContext | None = request.pop("tls", None)
        lines: list[Line] = []

        def leave() -> None:
            for line in lines:
                line.__exit__()
            lines.clear()

        def once() -> Reply:
            if not lines:
                lines.append(Line(port, tls, request["host"]).__enter__())
            reply = lines[0].ask(path, **request)
            if reply.value("connection") == "close" or not reply.status:
                leave()
            return reply

        self._stack.callback(leave)
        return self._add(f"polite {path}", once)

    def goes_on(self, count: int = AFTERWARDS) -> None:
        """Wait for so many more answers of everybody."""
        for visitor in self.visitors:
            visitor.goes_on(count)

    def dismiss(self, visitor: Visitor) -> None:
        """One of them is none of them any more."""
        self.visitors.remove(visitor)
        visitor.stop()

    def stop(self) -> None:
        """End; raises what has gone wrong in a visitor itself."""
        for visitor in self.visitors:
            visitor.stop()

    def _add(self, name: str, once: Callable[[], Reply | None]) -> Visitor:
        visitor = Visitor(name, once, self._interval)
        self.visitors.append(visitor)
        visitor.start()
        return visitor


@contextmanager
def crowd(interval: float = 0) -> Iterator[Crowd]:
    """Visitors that end with the block; with so many seconds between the questions of each."""
    with ExitStack() as stack:
        made = Crowd(stack, interval)
        try:
            yield made
        finally:
            made.stop()
