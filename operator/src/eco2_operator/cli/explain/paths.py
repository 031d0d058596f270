"""Paths as a gateway takes them, and the route they belong to. Pure."""

import re
from collections.abc import Iterable
from typing import Final

from eco2_operator.build.entrance.routes import by_specificity
from eco2_operator.model.ingress import Route

ESCAPED_SLASH: Final = re.compile("%(2f|5c)", re.IGNORECASE)
"""What the gateway refuses to guess about: 400."""
_ESCAPED: Final = re.compile("%([0-9A-Fa-f]{2})")
_PLAIN: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
"""What needs no escape, and stands for the same with one (RFC 3986, section 2.3)."""


def under(path: str, prefix: str) -> bool:
    """Whether a path lies under a prefix, on segment boundaries."""
    return path == prefix or path.startswith(f"{prefix.rstrip('/')}/")


def taken_by(routes: Iterable[Route], path: str) -> Route | None:
    """The route that a path belongs to: the longest prefix."""
    return next((route for route in by_specificity(routes) if under(path, route.path)), None)


def plain(path: str) -> str:
    """A path as the gateway's filters and routes see it: without needless escapes, double slashes and dot segments."""
    text = re.sub("/{2,}", "/", _ESCAPED.sub(_unescaped, path).replace("\\", "/"))
    segments: list[str] = []
    parts = text.split("/")[1:]
    for part in parts:
        if part == "..":
            segments = segments[:-1]
        elif part != ".":
            segments.append(part)
    if parts[-1:] in (["."], [".."]):
        segments.append("")
    return f"/{'/'.join(segments)}"


def _unescaped(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return character if character in _PLAIN else found[0]


def rewritten(path: str | None, prefix: str, rewrite: str | None) -> str | None:
    """The path that the domain sees."""
    if path is None or rewrite is None:
        return path
    rest = path.removeprefix(prefix).lstrip("/")
    return f"{rewrite.rstrip('/')}/{rest}" if rest else rewrite
