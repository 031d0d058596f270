"""EcoDomains, watched by kopf: the only module that knows it.

kopf logs in and watches; its one handler tells the controller. Everything else is listed and watched by `watch`:
docs/adr/0002 and 0007 have the measurements.
"""

import asyncio
import logging
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import kopf

from eco2_operator.controller import Controller
from eco2_operator.errors import SettingsError
from eco2_operator.kinds import ECO_DOMAIN
from eco2_operator.kube import Connection
from eco2_operator.naming import GROUP

log = logging.getLogger(__name__)

KOPFS_WATCH = "infinite_watch"
"""Name of kopf's generator of watch events."""


async def run(controller: Controller, namespaces: Sequence[str], *, began: asyncio.Event, stop: asyncio.Event) -> None:
    """Watch until ``stop``.

    Args:
        namespaces: empty for the whole cluster.
        began: set when kopf has begun, and has set its own signal handlers.
    """
    asyncio.get_running_loop().set_exception_handler(report)
    await kopf.operator(
        registry=registry(controller),
        settings=settings_of_kopf(),
        clusterwide=not namespaces,
        namespaces=namespaces,
        standalone=True,
        ready_flag=began,
        stop_flag=stop,
    )


def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what went wrong in the event loop, but for the way kopf's watch ends.

    kopf may leave its generator to the end of the loop, where it cannot be closed any more. Nothing is lost by it, and
    the last line of a clean stop would be an error.
    """
    if getattr(context.get("asyncgen"), "__name__", "") != KOPFS_WATCH:
        loop.default_exception_handler(context)


def registry(controller: Controller) -> kopf.OperatorRegistry:
    """kopf's part: it logs in and watches EcoDomains, and tells the controller."""
    made = kopf.OperatorRegistry()

    @kopf.on.login(registry=made)
    async def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return _login(**kwargs)

    @kopf.on.event(ECO_DOMAIN.group, ECO_DOMAIN.version, ECO_DOMAIN.plural, registry=made)
    async def observed(event: kopf.RawEvent, **_: Any) -> None:
        controller.observe(ECO_DOMAIN, event["type"], event["object"])

    return made


class _NoState(kopf.DiffBaseStorage):
    """kopf compares every object with the last one it handled; nothing here asks for that, so nothing is copied."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None


class _CappedBackoff(Iterable[float]):
    """Delays between attempts of one request, for ever: list and watch outlive any outage of the API server."""

    def __iter__(self) -> Iterator[float]:
        for delay in (1, 2, 5, 10, 20):
            yield delay * _jitter()
        while True:
            yield 30 * _jitter()


def _jitter() -> float:
    return 0.75 + random.random() / 2  # noqa: S311 - spreads load, protects nothing


def settings_of_kopf() -> kopf.OperatorSettings:
    """kopf's settings; why each differs from the default: docs/adr/0002."""
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.networking.connect_timeout = 10
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = _CappedBackoff()
    settings.networking.enforce_retry_after = True
    settings.watching.server_timeout = 290
    settings.watching.client_timeout = 300
    settings.watching.inactivity_timeout = 90
    settings.watching.reconnect_backoff = 1
    settings.watching.chunk_size = 50
    settings.queueing.idle_timeout = 1
    settings.queueing.error_delays = (1, 2, 5, 10, 30, 60)
    settings.persistence.finalizer = f"{GROUP}/kopf"
    settings.persistence.diffbase_storage = _NoState()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.process.ultimate_exiting_timeout = 25
    return settings


def _login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """In the cluster the ServiceAccount, elsewhere the kubeconfig."""
    return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)


async def connect() -> Connection:
    """The connection our client uses: the same login as kopf's watches.

    Raises:
        SettingsError: when there is no way to log in.
    """
    try:
        info = _login(settings=settings_of_kopf(), logger=log)
    except Exception as error:  # whatever is wrong with the file
        raise SettingsError(f"cannot log in: {error}; set KUBECONFIG to a file with a context that works") from error
    if info is None:
        raise SettingsError("no way to log in: neither a ServiceAccount nor a kubeconfig was found; set KUBECONFIG")
    return Connection(
        info.server,
        info.as_http_headers(),
        info.as_ssl_context() if info.server.startswith("https") else None,
    )
