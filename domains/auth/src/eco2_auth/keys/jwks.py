"""The published document: a JSON Web Key Set (RFC 7517, section 5)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import orjson


@dataclass(frozen=True)
class Document:
    """A key set as it is sent."""

    body: bytes

    @cached_property
    def etag(self) -> str:
        """Names the content (RFC 9110, section 8.8.3)."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'


def document(keys: Iterable[Mapping[str, str]]) -> Document:
    """The set of these public keys."""
    return Document(orjson.dumps({"keys": list(keys)}, option=orjson.OPT_SORT_KEYS))


def is_known(if_none_match: str | None, document: Document) -> bool:
    """Whether who asks has this document already (RFC 9110, section 13.1.2; the comparison is weak)."""
    if if_none_match is None:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or document.etag in tags
