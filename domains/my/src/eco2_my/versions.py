"""Versions of a profile in HTTP (RFC 9110, 8.8.3 and 13.1.1)."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import Depends, Header, Request

ANY: Final = "*"
_TAG: Final = re.compile(r'"(0|[1-9][0-9]{0,18})"')


def etag(version: int) -> str:
    """The version as an entity tag."""
    return f'"{version}"'


def _condition(
    request: Request,
    if_match: Annotated[str | None, Header(description="Change it only if this is still its ETag; any without")] = None,
) -> frozenset[int] | None:
    """The versions that a change may be of; None for any.

    What is no tag of ours, weak ones included, is a version that there never is. Several lines are one list (5.3).
    """
    if if_match is None or if_match.strip() == ANY:
        return None
    tags = (_TAG.fullmatch(tag.strip()) for line in request.headers.getlist("if-match") for tag in line.split(","))
    return frozenset(int(tag[1]) for tag in tags if tag is not None)


IfMatch = Annotated[frozenset[int] | None, Depends(_condition)]
