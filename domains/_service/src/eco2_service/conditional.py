"""Answers that a client may keep, and ask for again by their ETag (RFC 9110, section 13)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

from fastapi import Header
from pydantic import BaseModel
from starlette.responses import Response

IfNoneMatch = Annotated[list[str] | None, Header(description="ETags of what the client has")]
_ENTITY_TAG: Final = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_HEADERS: Final[dict[str, Any]] = {
    "ETag": {"description": "Strong: of exactly these bytes", "schema": {"type": "string"}},
    "Cache-Control": {"description": "How long it may be shown without asking", "schema": {"type": "string"}},
    "Vary": {"description": "What decides whether there is an answer", "schema": {"type": "string"}},
}
RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"headers": _HEADERS},
    304: {"description": "What the client has is the newest", "headers": _HEADERS},
}
"""For `responses=` of an endpoint that answers with `conditional`."""


@dataclass(frozen=True, slots=True)
class Representation:
    """JSON, and the strong ETag of exactly these bytes, with its quotes."""

    body: bytes
    etag: str

    @classmethod
    def of(cls, answer: BaseModel) -> Self:
        """The answer as it is sent; may be kept for as long as the answer stays the same."""
        body = answer.model_dump_json().encode()
        return cls(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def conditional(answer: BaseModel | Representation, if_none_match: list[str] | None, *, max_age: int) -> Response:
    """The answer, or 304 when the client has it already.

    Args:
        max_age: seconds for which the client may show it without asking. No shared cache may: who may see it is decided
            by the token.
    """
    made = answer if isinstance(answer, Representation) else Representation.of(answer)
    return _Prepared(made, is_known=has_match(if_none_match or (), made.etag), max_age=max_age)


def has_match(values: Iterable[str], etag: str) -> bool:
    """Whether If-None-Match names an ETag.

    Args:
        values: of all If-None-Match headers.
        etag: a strong one, with its quotes. The comparison is weak, as section 13.1.2 says: W/ makes no difference.
    """
    joined = ", ".join(values).strip()
    if joined == "*":
        return True
    return any(f'"{found}"' == etag for found in _ENTITY_TAG.findall(joined))


class _Prepared(Response):
    """Bytes and headers are there already: there is nothing to encode."""

    def __init__(self, answer: Representation, *, is_known: bool, max_age: int) -> None:
        self.status_code = 304 if is_known else 200
        self.background = None
        self.body = b"" if is_known else answer.body
        self.raw_headers = [
            (b"etag", answer.etag.encode()),
            (b"cache-control", b"private, max-age=%d" % max_age),
            (b"vary", b"Authorization, Cookie"),
        ]
        if not is_known:
            self.raw_headers += [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(answer.body)),
            ]
