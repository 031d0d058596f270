"""Serving an application until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
import uvloop
from fastapi import FastAPI

from eco2_service.probes import metrics_application
from eco2_service.settings import ServiceSettings

KEEP_ALIVE_SECONDS: Final = 3660
"""Longer than Envoy keeps an idle connection to us, an hour: the side that sends must be the one that closes it, or a
request may meet the end of its connection (https://www.envoyproxy.io/docs/envoy/latest/faq/configuration/timeouts)."""


def serve(application: FastAPI, settings: ServiceSettings) -> None:
    """Serve until SIGTERM or SIGINT; requests that run then are answered, for `drain_seconds` at most."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(application, settings))


async def _serve(application: FastAPI, settings: ServiceSettings) -> None:
    server = _Server(_configuration(application, settings, settings.listen_port))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.handle_exit, number, None)
    if settings.metrics_port is None:
        await server.serve()
        return
    beside = _Server(_configuration(metrics_application(application.state.metrics), settings, settings.metrics_port))
    task = asyncio.create_task(beside.serve())
    try:
        await server.serve()
    finally:  # last: the end of the drain is measured too
        beside.should_exit = True
        await task


def _configuration(application: FastAPI, settings: ServiceSettings, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        host=settings.listen_host,
        port=port,
        loop="none",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,  # the middleware has the line
        proxy_headers=False,  # who is trusted to say where a request came from is decided in rate_limit
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.drain_seconds,
    )


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn raises them again after the drain, and a clean end would look like a kill."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and have the garbage collector pass over what was made until then.

        It stays as long as the process, and going through it again and again took a tenth of a busy core.
        """
        await super().startup(sockets)
        gc.collect()
        gc.freeze()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
