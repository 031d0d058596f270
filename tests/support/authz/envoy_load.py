"""A load of requests that have to pass and of requests that must not, and a judgment about every one of them."""

import asyncio
import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from support.authz.envoy import Envoy
from support.authz.envoy_application import PROBE, Application
from support.authz.envoy_client import request
from support.authz.envoy_tokens import PROVIDER, jti
from support.authz.envoy_world import PATH, PUBLIC, World
from support.waits import eventually

CONNECTIONS: Final = 6
SECONDS: Final = 15.0
"""Longer than Envoy lets any of these requests wait."""
OWN_TROUBLE: Final = 503
_SPOOFED: Final = (("x-user-id", "admin"), ("X-Auth-Provider", "google"), ("X-User-Id", "admin"))
_RUNS = itertools.count()


@dataclass(frozen=True)
class Kind:
    """A sort of request.

    Args:
        subject: who the application has to take the caller for; None: nobody.
        allowed: whether it may pass at all.
    """

    name: str
    path: str = PATH
    headers: tuple[tuple[str, str], ...] = ()
    subject: str | None = None
    allowed: bool = False


@dataclass(frozen=True)
class Answered:
    """One request and its answer; status 0: the connection broke."""

    kind: Kind
    probe: str
    status: int
    seconds: float


@dataclass
class Load:
    """Requests that go round until the block ends."""

    application: Application
    address: str
    kinds: Sequence[Kind]
    answers: list[Answered] = field(default_factory=list)
    _stop: bool = False

    def goes_on(self, count: int = 100) -> None:
        """Wait until so many more requests were answered."""
        wanted = len(self.answers) + count
        eventually(lambda: len(self.answers) >= wanted)

    def statuses(self, *, allowed: bool) -> Counter[int]:
        """How often each status was the answer to requests that may pass, or to those that must not."""
        return Counter(each.status for each in self.answers if each.kind.allowed == allowed)

    def judge(self) -> None:
        """No forbidden request has arrived; those that did are as who they are; nothing was answered in another way."""
        assert {each.kind for each in self.answers} == set(self.kinds), "some were never sent"
        wrong = [each for each in self.answers if not self._is_right(each)]
        assert wrong == []

    def _is_right(self, answered: Answered) -> bool:
        arrived = self.application.arrived(answered.probe)
        if not answered.kind.allowed:
            return not arrived and answered.status in (401, OWN_TROUBLE)
        if answered.status != 200:
            return not arrived and answered.status == OWN_TROUBLE
        kind = answered.kind
        users = [kind.subject] if kind.subject else []
        providers = [PROVIDER] if kind.subject else []
        return len(arrived) == 1 and all(
            (request.values("x-user-id"), request.values("x-auth-provider")) == (users, providers)
            for request in arrived
        )

    def run(self) -> None:
        """Send until told to stop."""
        asyncio.run(self._run())

    def end(self) -> None:
        """Stop when the requests under way are answered."""
        self._stop = True

    async def _run(self) -> None:
        run = next(_RUNS)
        kinds, numbers = itertools.cycle(self.kinds), itertools.count()
        await asyncio.gather(*(self._go_round(run, kinds, numbers) for _ in range(CONNECTIONS)))

    async def _go_round(self, run: int, kinds: Iterator[Kind], numbers: Iterator[int]) -> None:
        host, _, port = self.address.rpartition(":")
        while not self._stop:
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                while not self._stop:
                    kind, probe = next(kinds), f"load-{run}-{next(numbers)}"
                    started = time.perf_counter()
                    octets = request(kind.path, headers=[(PROBE, probe), *kind.headers])
                    async with asyncio.timeout(SECONDS):
                        status = await _exchange(reader, writer, octets)
                    self.answers.append(Answered(kind, probe, status, time.perf_counter() - started))
                    if status == 0:
                        break
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, octets: bytes) -> int:
    """Send one request; the status of its answer."""
    try:
        writer.write(octets)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length or 0))
        return int(head.split(b" ", 2)[1])
    except (asyncio.IncompleteReadError, ConnectionError):
        return 0


def kinds(world: World) -> list[Kind]:
    """Callers of every sort. The revoked one is revoked in Redis."""
    revoked = world.issuer.token("revoked")
    world.redis.revoke(jti(revoked))
    good = [world.issuer.token(f"user-{index}") for index in range(3)]
    return [
        Kind("good", headers=_bearer(good[0]), subject="user-0", allowed=True),
        Kind("nobody", headers=_SPOOFED),
        Kind("good cookie", headers=_cookie(good[1]), subject="user-1", allowed=True),
        Kind("expired", headers=(*_bearer(world.issuer.expired()), *_SPOOFED)),
        Kind("good but spoofed", headers=(*_SPOOFED, *_bearer(good[2])), subject="user-2", allowed=True),
        Kind("forged", headers=_bearer(world.issuer.forged())),
        Kind("public", path=PUBLIC, headers=_SPOOFED, allowed=True),
        Kind("revoked", headers=_bearer(revoked)),
    ]


@contextmanager
def running(world: World, which: Sequence[Kind] | None = None, *, to: Envoy | None = None) -> Iterator[Load]:
    """Send while the block runs, then judge every answer."""
    load = Load(world.application, (to or world.envoy).address, which or kinds(world))
    thread = threading.Thread(target=load.run, name="load")
    thread.start()
    try:
        load.goes_on()
        yield load
    finally:
        load.end()
        thread.join()
    load.judge()


def _bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


def _cookie(token: str) -> tuple[tuple[str, str], ...]:
    return (("cookie", f"theme=dark; s_access={token}"),)
