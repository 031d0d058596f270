"""What endpoints are given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, cast

from fastapi import Depends, Request

from eco2_auth.audit import Audit
from eco2_auth.resources import Resources
from eco2_service.application import resources_of
from eco2_service.rate_limit import client_address


def get_resources(request: Request) -> Resources:
    """What lives as long as the process."""
    return cast(Resources, resources_of(request))


def get_audit(request: Request) -> Audit:
    """The audit log of this request."""
    return Audit(client_address(request, get_resources(request).settings))


def limited(name: str) -> Any:
    """For `dependencies=`: counts requests for each client address. Raises TooManyRequests, RedisUnavailable."""

    async def check(request: Request) -> None:
        resources = get_resources(request)
        await resources.limits[name].check(client_address(request, resources.settings))

    counted: Callable[[Request], Awaitable[None]] = check
    return Depends(counted)


AuthResources = Annotated[Resources, Depends(get_resources)]
RequestAudit = Annotated[Audit, Depends(get_audit)]
