"""Conditional requests (RFC 9110, section 13): has the client got these bytes?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_ENTITY_TAG: Final = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


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
