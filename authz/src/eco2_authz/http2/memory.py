"""How much unfinished calls of all connections take together."""

from typing import Final

CALL: Final = 2_048
"""Octets that an open call counts beside its body: about what its objects and the task of its answer take."""


class Buffered:
    """Octets of calls that are begun and not answered, with their bodies.

    Args:
        limit: octets at which new calls are refused.
    """

    __slots__ = ("limit", "octets")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.octets = 0
