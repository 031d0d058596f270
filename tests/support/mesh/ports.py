"""Port numbers for the processes of one mesh."""

from typing import Final

from eco2_testcluster.ports import free_ports, is_free

COUNT: Final = 128
"""More than any mesh of the tests needs."""


class Ports:
    """Free ports, each given out once: nobody listens on one yet when the next is asked for.

    Other test runs take ports, too, so each is looked at again.
    """

    def __init__(self) -> None:
        self._free = iter(free_ports(COUNT))

    def named(self, *names: str) -> dict[str, int]:
        """A port for each name."""
        return {name: next(filter(is_free, self._free)) for name in names}
