"""Names that some servers take for the name of a header: CGI, WSGI and PHP make ``_`` of ``-`` (CVE-2025-64484)."""

from itertools import product
from typing import Final

MOST_DASHES: Final = 6
"""Up to here every combination is written down (63 of them). The gateway refuses names with ``_`` anyway."""


def twins(header: str) -> list[str]:
    """The other ways to write a header's name with ``-`` and ``_``; of a name with many dashes, all ``_`` alone."""
    first, *rest = header.split("-")
    if len(rest) > MOST_DASHES:
        return [header.replace("-", "_")]
    ways = product("-_", repeat=len(rest))
    names = (first + "".join(map("".join, zip(way, rest, strict=True))) for way in ways)
    return [name for name in names if name != header]
