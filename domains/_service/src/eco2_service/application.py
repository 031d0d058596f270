"""The FastAPI application of a domain: what all domains have, around the domain's own routers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Match

from eco2_service.internal import ServiceTokens
from eco2_service.metrics import Metrics
from eco2_service.middleware import RequestMiddleware
from eco2_service.openapi import completed
from eco2_service.origin import OriginMiddleware
from eco2_service.probes import HasChecks, metrics_router
from eco2_service.probes import router as probes_router
from eco2_service.problems import Problem, field_errors, problem_response
from eco2_service.request_scope import request_id
from eco2_service.settings import ServiceSettings

Resources = Callable[[Metrics], AbstractAsyncContextManager[HasChecks]]
"""Opens what a service keeps as long as it runs; it becomes ``app.state.resources``."""


def create_app(
    *,
    name: str,
    title: str,
    prefix: str,
    version: str,
    settings: ServiceSettings,
    routers: Sequence[APIRouter],
    resources: Resources,
    description: str = "",
) -> FastAPI:
    """Make the application.

    Args:
        name: of the domain, such as ``auth``.
        prefix: of its public paths, such as ``/api/v1/auth``; its documentation lies at ``<prefix>/docs``.
        routers: of the domain; their paths are whole.
    """
    metrics = Metrics(name=name, version=version)

    @asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        async with resources(metrics) as opened:
            application.state.resources = opened
            yield

    application = FastAPI(
        title=title,
        version=version,
        description=description,
        docs_url=f"{prefix}/docs",
        openapi_url=f"{prefix}/openapi.json",
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        lifespan=lifespan,
        redirect_slashes=False,  # the Location would name the host that the gateway sees, and lose the body
        middleware=[Middleware(RequestMiddleware), Middleware(OriginMiddleware, settings=settings)],
        exception_handlers={
            Problem: _on_problem,
            HTTPException: _on_http_exception,
            RequestValidationError: _on_invalid_request,
        },
    )
    application.state.settings = settings
    application.state.metrics = metrics
    application.state.service_tokens = ServiceTokens(settings)
    everything = [*routers, probes_router, *([metrics_router(metrics)] if settings.metrics_port is None else [])]
    for router in everything:  # flat, not by include_router: a router within a router costs each request 4 µs
        application.router.routes.extend(router.routes)
    application.openapi = completed(application)  # type: ignore[method-assign]
    return application


def resources_of(request: Request) -> Any:
    """What the service keeps as long as it runs; a domain's dependency gives it its type."""
    return request.app.state.resources


async def _on_problem(_request: Request, error: Exception) -> Response:
    problem = cast(Problem, error)
    return problem_response(
        problem.status,
        problem.detail,
        slug=problem.slug,
        request_id=request_id(),
        headers=problem.headers,
        extensions=problem.extensions,
    )


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """What the framework refuses: no such path, no such method."""
    refused = cast(HTTPException, error)
    headers = dict(refused.headers or {})
    if refused.status_code == 405:
        headers["Allow"] = ", ".join(_methods(request))
    return problem_response(refused.status_code, refused.detail, request_id=request_id(), headers=headers)


def _methods(request: Request) -> list[str]:
    """What the path takes (RFC 9110, section 10.2.1). Starlette knows only those of the first route that fits."""
    routes = request.app.router.routes
    return [
        method
        for method in ("DELETE", "GET", "PATCH", "POST", "PUT")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


async def _on_invalid_request(_request: Request, error: Exception) -> Response:
    errors = cast(RequestValidationError, error).errors()
    status = 400 if any(found["type"] == "json_invalid" for found in errors) else 422
    return problem_response(
        status,
        "The request is not what this operation takes; see errors",
        slug="invalid-request",
        request_id=request_id(),
        extensions={"errors": field_errors(errors)},
    )
