"""Port numbers for the processes of one mesh."""

from typing import Final

from eco2_testcluster.ports import free_ports

COUNT: Final = 128
"""More than any mesh of the tests needs."""


class Ports:
    """Free ports, each given out once: nobody listens on one yet when the next is asked for."""

    def __init__(self) -> None:
        self._free = iter(free_ports(COUNT))

    def named(self, *names: str) -> dict[str, int]:
        """A port for each name."""
        return {name: next(self._free) for name in names}
