"""Whether the process lives, whether it can serve, and what it counts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from starlette.responses import JSONResponse

from eco2_service.metrics import CONTENT_TYPE, PATH, Metrics

LIMIT_SECONDS: Final = 1.0
"""For each thing that /ready asks; the kubelet's own limit for a probe is 1 s or more."""

Check = Callable[[], Awaitable[object]]
"""Raises when what it asks does not answer."""
log = structlog.get_logger("eco2.ready")


class HasChecks(Protocol):
    """What a service keeps as long as it runs says what must answer before it can serve."""

    @property
    def checks(self) -> Mapping[str, Check]:
        """By the name of what is asked."""
        ...


router = APIRouter(include_in_schema=False)


@router.get("/health")
async def health() -> Response:
    """Whether the event loop turns; nothing else, or an outage of the database would restart all pods."""
    return JSONResponse({"status": "ok"})


@router.get("/ready")
async def ready(request: Request) -> Response:
    """Whether everything that requests need answers."""
    checks = request.app.state.resources.checks
    results = dict(zip(checks, await asyncio.gather(*map(_ask, checks.values())), strict=True))
    failed = {name: result for name, result in results.items() if result != "ok"}
    if failed:
        log.warning("not ready", **failed)
    return JSONResponse({"status": "not ready" if failed else "ok", "checks": results}, 503 if failed else 200)


async def _ask(check: Check) -> str:
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            await check()
    except TimeoutError:
        return f"no answer within {LIMIT_SECONDS:g} s"
    except Exception as error:  # whatever it is: it is not ready, and the words may hold an address with a password
        return type(error).__name__
    return "ok"


def metrics_router(metrics: Metrics) -> APIRouter:
    """Where Prometheus asks."""
    answers = APIRouter(include_in_schema=False)

    @answers.get(PATH)
    async def status() -> Response:
        return Response(metrics.render(), media_type=CONTENT_TYPE)

    return answers


def metrics_application(metrics: Metrics) -> FastAPI:
    """The metrics alone, for a port of their own."""
    application = FastAPI(openapi_url=None)
    application.include_router(metrics_router(metrics))
    return application
