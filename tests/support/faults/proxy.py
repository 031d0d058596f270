"""The proxy: TLS on both sides, the operator's own certificate towards the API server, faults in between.

It runs in a thread of the test process. Everything public may be called from any thread.
"""

import asyncio
import socket
import ssl
import struct
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self, TypeVar

import aiohttp
from aiohttp import web
from yarl import URL

from eco2_testcluster.certs import Authority, KeyPair
from eco2_testcluster.embedded import EmbeddedCluster
from eco2_testcluster.kubeconfig import write_kubeconfig
from eco2_testcluster.pki import user_certificate
from support.faults.actions import Action, LineAction
from support.faults.exchange import EVERYTHING, Exchange, Match, describe
from support.faults.rules import Rule, Step
from support.faults.streams import Watch

T = TypeVar("T")

HOST = "127.0.0.1"
NOT_PASSED_ON = frozenset({"host", "connection", "transfer-encoding", "content-length", "keep-alive"})
LARGEST = 64 * 1024 * 1024
"""Bytes of a request; more than the API server takes."""
RST = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST instead of FIN."""


class FaultProxy:
    """A reverse proxy in front of a cluster's API server. A context manager: leaving stops it.

    Args:
        user: whose certificate is shown to the API server, so that the audit log knows the client.
        groups: the user's groups.
    """

    def __init__(self, cluster: EmbeddedCluster, folder: Path, *, user: str, groups: tuple[str, ...]) -> None:
        self.exchanges: list[Exchange] = []
        """Every request since the start, oldest first."""
        self._upstream = URL(cluster.apiserver_url)
        self._rules: tuple[Rule, ...] = ()
        self._step: Step | None = None
        self._watches: set[Watch] = set()
        self._clients: set[asyncio.BaseTransport] = set()
        self._epoch = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)
        self._thread.start()
        pki = cluster.directory / "pki"
        pair = user_certificate(pki, user, groups=groups)
        pair.save(folder, user)
        Authority(KeyPair.load(pki, "ca")).issue("fault-proxy", hosts=(HOST,), client=False).save(folder, "proxy")
        self._towards_server = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._towards_server.load_cert_chain(folder / f"{user}.crt", folder / f"{user}.key")
        self._towards_client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._towards_client.load_cert_chain(folder / "proxy.crt", folder / "proxy.key")
        port = self._call(self._start())
        self.kubeconfig = write_kubeconfig(
            folder / "kubeconfig",
            server=f"https://{HOST}:{port}",
            authority=(pki / "ca.crt").read_bytes(),
            user=user,
            pair=pair,
        )

    def close(self) -> None:
        """Stop it."""
        if self._loop.is_closed():
            return
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- faults ----------------------------------------------------------------------------------------------

    def fault(self, match: Match, action: Action | LineAction, **limits: int | None) -> Rule:
        """Put a rule in force; `limits` are those of `Rule`. Of several that apply the latest one acts."""
        rule = Rule(match, action, **limits)  # type: ignore[arg-type]
        rule.on_lift = lambda: self._lift(rule)
        self._rules = (rule, *self._rules)
        return rule

    @contextmanager
    def step(self, step: Step) -> Iterator[Step]:
        """Do one write after the other, and call the step's hook at its write."""
        self._step = step
        try:
            yield step
        finally:
            self._step = None

    def cut(self) -> None:
        """Forget every client there is: what they have asked for and was not passed on yet never will be."""
        self._epoch += 1
        self._call(self._reset_all())

    def tell(self, match: Match, *lines: bytes, end: bool = False) -> int:
        """Tell the open watches of that match something now; how many there are."""
        found = self.watches(match)
        for watch in found:
            self._call(watch.say(*lines, end=end))
        return len(found)

    def replay(self, match: Match, *, times: int = 1) -> int:
        """Tell the open watches of that match again all they were told; how many lines that was."""
        found = [(watch, tuple(watch.told) * times) for watch in self.watches(match)]
        for watch, lines in found:
            self._call(watch.say(*lines, end=False))
        return sum(len(lines) for _, lines in found)

    def break_watches(self, match: Match = EVERYTHING) -> int:
        """Break the open watches of that match off; how many there were."""
        found = self.watches(match)

        async def abort() -> None:
            for watch in found:
                watch.abort()

        self._call(abort())
        return len(found)

    # -- what was asked --------------------------------------------------------------------------------------

    def watches(self, match: Match = EVERYTHING) -> list[Watch]:
        """The watches open now."""
        return [watch for watch in tuple(self._watches) if match.fits(watch.exchange)]

    def asked(self, match: Match = EVERYTHING, *, since: float = 0.0) -> list[Exchange]:
        """The requests of that match since a monotonic time, oldest first."""
        return [each for each in tuple(self.exchanges) if each.at >= since and match.fits(each)]

    # -- inside ----------------------------------------------------------------------------------------------

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _start(self) -> int:
        self._turn = asyncio.Lock()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._towards_server, limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            read_bufsize=LARGEST,
        )
        app = web.Application(client_max_size=LARGEST)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0, ssl_context=self._towards_client).start()
        return int(self._runner.addresses[0][1])

    async def _stop(self) -> None:
        for rule in self._rules:
            rule.lifted.set()
        await self._reset_all()
        await self._runner.cleanup()
        await self._session.close()
        await asyncio.sleep(0)  # transports close in the next round

    def _lift(self, rule: Rule) -> None:
        self._rules = tuple(each for each in self._rules if each is not rule)

        async def end() -> None:
            rule.lifted.set()

        self._call(end())

    def _line_rule(self, about: Exchange, event: str) -> Rule | None:
        return next((r for r in self._rules if isinstance(r.action, LineAction) and r.takes(about, event=event)), None)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        exchange = describe(request.method, request.raw_path, request.headers, at=time.monotonic())
        self.exchanges.append(exchange)
        assert request.transport is not None
        self._clients = {request.transport, *(each for each in self._clients if not each.is_closing())}
        call = _Call(self, request, exchange, await request.read())
        rule = next((r for r in self._rules if isinstance(r.action, Action) and r.takes(exchange)), None)
        if rule is not None and isinstance(rule.action, Action):
            response = await rule.action.take(call, rule.lifted)
        else:
            response = await call.forward()
        exchange.code = None if call.broken else response.status
        return response

    async def _reset_all(self) -> None:
        for transport in self._clients:
            _reset(transport)
        self._clients.clear()


class _Call:
    """One request on its way."""

    def __init__(self, proxy: FaultProxy, request: web.Request, exchange: Exchange, body: bytes) -> None:
        self._proxy = proxy
        self._request = request
        self._exchange = exchange
        self._body = body
        self._epoch = proxy._epoch
        self.broken = False
        """Whether the client gets no answer."""

    async def forward(self) -> web.StreamResponse:
        """See `Call`."""
        if self._exchange.verb == "watch":
            return await self._watch()
        answer = await self._ask()
        return self.reset() if answer is None else answer

    async def lose(self) -> web.StreamResponse:
        """See `Call`."""
        await self._ask()
        return self.reset()

    def reset(self) -> web.StreamResponse:
        """See `Call`."""
        self.broken = True
        _reset(self._request.transport)
        return web.Response()  # goes nowhere

    async def stream(self, *lines: bytes) -> web.StreamResponse:
        """See `Call`."""
        client = await self._begin(200, {"Content-Type": "application/json"})
        for line in lines:
            await client.write(line)
        return client

    async def _ask(self) -> web.Response | None:
        """The server's answer; None when there is none, or nobody is there any more who wants one."""
        step = self._proxy._step
        if step is None or not self._exchange.is_write:
            return await self._answer()
        async with self._proxy._turn:
            if step.running:  # whoever has asked is being killed
                return None
            if step.begins(self._exchange):
                await asyncio.to_thread(step.run)
            if self._proxy._epoch != self._epoch:
                return None
            answer = await self._answer()
            if step.ends(self._exchange):
                await asyncio.to_thread(step.run)
        return None if self._proxy._epoch != self._epoch else answer

    async def _answer(self) -> web.Response | None:
        try:
            async with self._open() as server:
                return web.Response(status=server.status, body=await server.read(), headers=_passed_on(server.headers))
        except (aiohttp.ClientError, OSError):
            return None

    async def _watch(self) -> web.StreamResponse:
        try:
            async with self._open() as server:
                if server.status != 200:
                    body = await server.read()
                    return web.Response(status=server.status, body=body, headers=_passed_on(server.headers))
                client = await self._begin(200, _passed_on(server.headers))
                watch = Watch(self._exchange, client, self.reset)
                self._exchange.code = 200
                self._proxy._watches.add(watch)
                try:
                    await watch.relay(server, self._proxy._line_rule)
                finally:
                    self._proxy._watches.discard(watch)
                return client
        except (aiohttp.ClientError, OSError):  # the server broke it off, or the client did
            return self.reset()

    def _open(self) -> Any:
        url = self._proxy._upstream.join(URL(self._request.raw_path, encoded=True))
        headers = _passed_on(self._request.headers)
        return self._proxy._session.request(self._request.method, url, data=self._body or None, headers=headers)

    async def _begin(self, status: int, headers: dict[str, str]) -> web.StreamResponse:
        client = web.StreamResponse(status=status, headers=headers)
        client.enable_chunked_encoding()
        await client.prepare(self._request)
        return client


def _passed_on(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in NOT_PASSED_ON}


def _reset(transport: asyncio.BaseTransport | None) -> None:
    if transport is None or transport.is_closing():
        return
    raw = transport.get_extra_info("socket")
    with suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
    transport.abort()  # type: ignore[attr-defined]
