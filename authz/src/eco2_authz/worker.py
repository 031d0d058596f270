"""Everything that one process needs to answer: what it is made of, how it starts, how it ends."""

import asyncio
import gc
import logging
import random
from time import monotonic
from typing import Final

from eco2_authz.authorizer import Authorizer
from eco2_authz.blacklist.blacklist import Blacklist
from eco2_authz.blacklist.lookup import Lookup
from eco2_authz.blacklist.mirror import Mirror
from eco2_authz.decision_log import ROOM, DecisionLog
from eco2_authz.http2.limits import Limits
from eco2_authz.logs import report_fault
from eco2_authz.metrics import families
from eco2_authz.metrics.memory import Cells
from eco2_authz.metrics.recorder import Recorder
from eco2_authz.settings import Settings
from eco2_authz.token_cache import TokenCache
from eco2_authz.transports import fast
from eco2_authz.transports.server import Options, Server, Tls
from eco2_authz.writer import Writer

log = logging.getLogger(__name__)

BEAT_SECONDS: Final = 0.25
"""Between two signs of life, by which the probes and the gauges know the worker."""
LOG_SECONDS: Final = 1.0
"""What the last decisions may take to be written."""
_STANDARD_OUTPUT: Final = 1
_GARBAGE: Final = (20_000, 20, 50)
"""Thresholds of the garbage collector. A request leaves no cycles, and a full collection looks at every token that is
remembered: it is to be rare."""


class Worker:
    """One process's part.

    Args:
        cells: where it counts.
        number: which of several workers it is, from 0; None: it is alone.
    """

    def __init__(self, settings: Settings, cells: Cells, number: int | None = None) -> None:
        self.metrics: Final = Recorder(cells)
        self._settings = settings
        self._number = number
        self._tokens = TokenCache(settings.authz_token_cache_entries, settings.authz_token_cache_bytes)
        self._keys = settings.keys()
        self._blacklist = self._made_blacklist()
        self._decisions = self._made_log() if settings.authz_decision_log else None
        self._authorizer = Authorizer(
            settings.policy,
            tokens=self._tokens,
            keys=self._keys,
            blacklist=self._blacklist,
            metrics=self.metrics,
            decisions=self._decisions,
        )
        self._server: Server | None = None
        self._beating: asyncio.Task[None] | None = None
        self._begun = False
        self._stopping = False

    def faults(self) -> list[str]:
        """Why nothing should be sent here.

        Keys and blacklist count until they were there for the first time. When they are lost later, requests for public
        paths still have to pass and the others to get their 503: without a server they would get neither.
        """
        if self._stopping:
            return ["stopping"]
        if self._begun:
            return []
        found = [] if self._server is not None else ["not listening yet"]
        if self._keys.current is None:
            found.append("no keys yet")
        if not self._blacklist.ready:
            found.append("the blacklist cannot be asked yet")
        self._begun = not found
        return found

    async def start(self) -> None:
        """Listen. Raises OSError when the address cannot be had."""
        asyncio.get_running_loop().set_exception_handler(report_fault)
        await self._keys.start()
        await self._blacklist.start()
        self._server = await self._serve()
        self._beating = asyncio.create_task(self._beat(self._server), name="beat")
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GARBAGE)
        log.info("answering checks", extra={"address": self._server.address})

    async def stop(self) -> None:
        """Finish what has begun, and write what is to be written."""
        self._stopping = True
        self.refresh()
        if self._server is not None:
            await self._server.drain(self._settings.authz_drain_seconds)
        if self._beating is not None:
            self._beating.cancel()
        await self._blacklist.stop()
        await self._keys.stop()
        if self._decisions is not None:
            await asyncio.to_thread(self._decisions.close, LOG_SECONDS)

    def refresh(self) -> None:
        """Say how it is."""
        metrics = self.metrics
        metrics.set(families.CACHE_ENTRIES, len(self._tokens))
        metrics.set(families.CACHE_BYTES, self._tokens.bytes)
        metrics.set(families.BLACKLIST_READY, self._blacklist.ready)
        metrics.set(families.MIRROR_ENTRIES, self._blacklist.entries)
        metrics.set(families.KEYS_READY, self._keys.current is not None)
        metrics.set(families.KEYS_AGE, self._keys.age or 0.0)
        if self._server is not None:
            metrics.set(families.CONNECTIONS, self._server.connections or 0)
        metrics.alive(monotonic(), ready=not self.faults())

    async def _beat(self, server: Server) -> None:
        while True:
            self.refresh()
            await server.set_serving(not self.faults())
            await asyncio.sleep(BEAT_SECONDS)

    # -- parts -------------------------------------------------------------------------------------------------------

    def _made_blacklist(self) -> Blacklist:
        settings = self._settings
        if settings.authz_redis_mode == "lookup":
            return Lookup(
                settings.redis,
                connections=settings.authz_redis_connections,
                limit=settings.authz_redis_timeout_ms / 1000,
                random=random.random,
            )
        return Mirror(
            settings.redis,
            limit=settings.authz_mirror_entries,
            trusted=settings.authz_mirror_trusted_ms / 1000,
            on_revoked=self._tokens.drop_jti,
            random=random.random,
        )

    def _made_log(self) -> DecisionLog:
        return DecisionLog(
            Writer(_STANDARD_OUTPUT, room=ROOM, shared=self._number is not None),
            dry_run=self._settings.authz_dry_run,
            on_dropped=lambda count: self.metrics.count(families.LOG_DROPPED, count),
        )

    async def _serve(self) -> Server:
        settings = self._settings
        options = Options(
            _address(settings, self._number),
            too_large=self._authorizer.too_large,
            broken=self._authorizer.broken,
            limits=Limits(streams=settings.authz_max_streams, connections=settings.authz_max_connections),
            shared=self._number is not None and settings.authz_worker_listen == "reuseport",
            tls=_tls(settings),
            on_fault=self.metrics.fault,
        )
        if settings.authz_transport == "fast":
            return await fast.serve(self._authorizer.answer, options)
        from eco2_authz.transports import grpcio  # an extra, and 20 MB

        return await grpcio.serve(self._authorizer.answer, options)


def _address(settings: Settings, number: int | None) -> str:
    """Where a worker listens: for itself, or where all do."""
    address = settings.authz_grpc_addr
    if number is None or settings.authz_worker_listen == "reuseport":
        return address
    if address.startswith("unix:"):
        return f"{address}.{number}"
    host, _, port = address.rpartition(":")
    return f"{host}:{int(port) + number if int(port) else 0}"


def _tls(settings: Settings) -> Tls | None:
    if settings.authz_tls_cert_file is None or settings.authz_tls_key_file is None:
        return None
    return Tls(settings.authz_tls_cert_file, settings.authz_tls_key_file, settings.authz_tls_client_ca_file)
