"""The published keys, for istiod, ext-authz, and whoever else checks tokens."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Header
from starlette.responses import Response

from eco2_auth.dependencies import AuthResources
from eco2_auth.keys.jwks import is_known
from eco2_auth.schemas import JsonWebKeySet

router: Final = APIRouter(tags=["keys"])
MAX_AGE: Final = 300
"""Seconds. A new key is published 30 minutes before its first use."""


@router.get(
    "/.well-known/jwks.json",
    response_model=JsonWebKeySet,
    responses={304: {"description": "It is the one that If-None-Match names"}},
)
async def jwks(
    resources: AuthResources, if_none_match: Annotated[str | None, Header(max_length=1024)] = None
) -> Response:
    """The keys that tokens are signed with, those that soon will be, and those of tokens that still live (RFC 7517)."""
    document = await resources.keys.document()
    headers = {"cache-control": f"public, max-age={MAX_AGE}", "etag": document.etag}
    if is_known(if_none_match, document):
        return Response(status_code=304, headers=headers)
    return Response(document.body, headers=headers, media_type="application/json")
