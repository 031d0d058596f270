"""Metrics and probes over HTTP."""

import logging
from collections.abc import Callable, Sequence

from aiohttp import web

from eco2_authz.metrics import exposition
from eco2_authz.metrics.memory import Memory

log = logging.getLogger(__name__)


async def serve(
    address: str, *, memory: Memory, faults: Callable[[], Sequence[str]], refresh: Callable[[], None] = lambda: None
) -> web.AppRunner:
    """Serve /metrics, /healthz and /readyz; the caller cleans the runner up. Raises OSError for a taken address.

    /healthz is answered as long as the process can answer at all.

    Args:
        address: ``host:port``; port 0 takes a free one.
        faults: why nothing should be sent here; empty when all is well.
        refresh: called before the metrics are read.
    """

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        found = faults()
        return web.Response(status=503 if found else 200, text="".join(f"{fault}\n" for fault in found) or "ok\n")

    async def metrics(_: web.Request) -> web.Response:
        refresh()
        return web.Response(body=exposition.render(memory), headers={"Content-Type": exposition.CONTENT_TYPE})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    host, _, port = address.rpartition(":")
    try:
        await web.TCPSite(runner, host.strip("[]") or None, int(port)).start()
    except OSError:
        await runner.cleanup()
        raise
    log.info("serving metrics and probes", extra={"address": _written(*runner.addresses[0][:2])})
    return runner


def _written(host: str, port: int) -> str:
    """An address as it is written in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
