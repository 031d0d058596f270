"""Secrets taken out of text that is shown to people. Pure.

Values that are known are replaced wherever they stand, also URL-encoded, in Base64 and as JSON spells them, and every
line of a value of several lines by itself. What only looks like a credential (a password in a URL, a bearer token) goes
too.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

MASK = "***"
_SHORTEST = 4
"""A shorter value is not masked: `1` or `dev` would blank half of every log, and keeps nothing secret."""
_PATTERNS = (
    re.compile(r"(?<=://)([^\s/:@]*):([^\s@/]+)(?=@)"),
    re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"(?i)(?<![\w-])([\w-]*(?:password|passwd|secret|token|api[_-]?key))(\"?\s*[=:]\s*\"?)[^\s\"',;&]+"),
)
_REPLACED = (rf"\1:{MASK}", rf"\1 {MASK}", rf"\1\2{MASK}")


def mask(text: str, values: Iterable[str]) -> str:
    """The text without the values, the longest first: one may be a part of another."""
    forms = sorted(_forms(values), key=len, reverse=True)
    while (masked := _once(text, forms)) != text:  # a mask beside what stood around it may spell a value
        text = masked
    return text


def _once(text: str, forms: Iterable[str]) -> str:
    for form in forms:
        text = text.replace(form, MASK)
    for pattern, replaced in zip(_PATTERNS, _REPLACED, strict=True):
        text = pattern.sub(replaced, text)
    return text


def _forms(values: Iterable[str]) -> set[str]:
    """Every spelling of the values, and of their lines. Space around them may be a part of what was encoded."""
    parts = {part for value in values for part in (value, *value.splitlines()) if len(part.strip()) >= _SHORTEST}
    return {form for part in parts for plain in (part, part.strip()) for form in _spellings(plain)}


def _spellings(plain: str) -> Iterator[str]:
    yield from (plain, json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1])
    yield from (quote(plain), quote(plain, safe=""), quote_plus(plain))
    for encoded in (base64.b64encode(plain.encode()), base64.urlsafe_b64encode(plain.encode())):
        yield from (encoded.decode(), encoded.decode().rstrip("="))
