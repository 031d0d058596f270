"""Paths that need no token."""

import re
from dataclasses import dataclass
from typing import Final, Self

from eco2_authz.errors import SettingsError

_NEVER: Final = re.compile(r"%(?:2[fFeE]|5[cC]|00)|//|/\.\.?(?:/|\Z)|[^\x22-~]|[\\;#]")
"""What proxies and applications read in different ways: an encoded ``/``, ``\\``, ``.`` or NUL, dot segments, path
parameters, fragments, every byte that is no visible ASCII character, and ``!``, which Envoy writes for a byte that is
not UTF-8."""
_WILDCARD: Final = "/*"


@dataclass(frozen=True, slots=True)
class PublicPaths:
    """Exact paths, and prefixes that end in a slash."""

    exact: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """From a comma list of ``/exact`` and ``/prefix/*``. Raises SettingsError for any other pattern."""
        patterns = [_checked(pattern.strip()) for pattern in text.split(",") if pattern.strip()]
        return cls(
            exact=frozenset(pattern for pattern in patterns if not pattern.endswith(_WILDCARD)),
            prefixes=tuple(sorted(pattern[:-1] for pattern in patterns if pattern.endswith(_WILDCARD))),
        )

    def matches(self, path: str) -> bool:
        """Whether a request's path, with or without a query, is public.

        ``/prefix/*`` is everything below ``/prefix/``, and not ``/prefix`` itself.
        """
        if not self.exact and not self.prefixes:
            return False
        path = path.partition("?")[0]
        # An exact path holds nothing that `_NEVER` forbids, since no pattern may.
        return path in self.exact or (path.startswith(self.prefixes) and _NEVER.search(path) is None)


def _checked(pattern: str) -> str:
    path = pattern.removesuffix("*") if pattern.endswith(_WILDCARD) else pattern
    if pattern == _WILDCARD:
        raise SettingsError("AUTHZ_PUBLIC_PATHS: '/*' would make everything public; name the paths")
    if not path.startswith("/") or "*" in path or "?" in path:
        raise SettingsError(
            f"AUTHZ_PUBLIC_PATHS: {pattern!r} must be a path such as /health, or a prefix such as /docs/*"
        )
    if _NEVER.search(path):
        raise SettingsError(
            f"AUTHZ_PUBLIC_PATHS: {pattern!r} holds what never matches: an encoded byte, '//', a dot "
            "segment, ';', '#', '\\' or a character outside of visible ASCII"
        )
    return pattern
