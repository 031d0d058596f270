"""Who asks: from the headers that the gateway sets after it has checked the token."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.openapi.models import APIKey, APIKeyIn
from fastapi.security.base import SecurityBase
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from eco2_service.problems import Unauthorized

USER_ID: Final = "x-user-id"
PROVIDER: Final = "x-auth-provider"
USER_ID_PATTERN: Final = re.compile(r"[\x21-\x7e]{1,128}")
"""What ext-authz lets a subject be (contract: at most 128 visible ASCII characters)."""
PROVIDER_PATTERN: Final = re.compile(r"[a-z0-9_-]{1,32}")
UserId = Annotated[
    str,
    StringConstraints(pattern=r"^[\x21-\x2e\x30-\x7e]{1,128}$"),
    Field(description="auth's id of the user: 1 to 128 visible ASCII characters, no slash"),
]
"""A user as other domains name them. Without a slash: the id is a part of paths, and a server may read %2F as one."""


class UserInfo(BaseModel):
    """The signed-in user.

    Args:
        user_id: the token's subject, 1 to 128 visible ASCII characters.
        provider: with whom the user signed in: ``google``, ``kakao`` or ``naver``.
    """

    model_config = ConfigDict(frozen=True)

    user_id: str
    provider: str


class IdentityHeaders(SecurityBase):
    """Reads the identity headers. A header that is absent, sent twice or malformed is no identity."""

    def __init__(self) -> None:
        self.scheme_name = "userId"
        self.model = APIKey.model_validate(
            {"in": APIKeyIn.header, "name": USER_ID, "description": "Set by the gateway for a valid access token"}
        )

    async def __call__(self, request: Request) -> UserInfo:
        """Return the user. Raises Unauthorized."""
        return UserInfo.model_construct(
            user_id=_one(request, USER_ID, USER_ID_PATTERN), provider=_one(request, PROVIDER, PROVIDER_PATTERN)
        )


def _one(request: Request, name: str, pattern: re.Pattern[str]) -> str:
    values = request.headers.getlist(name)
    if len(values) != 1 or pattern.fullmatch(values[0]) is None:
        raise Unauthorized("Sign in first", slug="not-signed-in", headers={"www-authenticate": "Bearer"})
    return values[0]


current_user: Final = IdentityHeaders()
CurrentUser = Annotated[UserInfo, Depends(current_user)]
"""The parameter of an endpoint that only signed-in users may ask."""
