"""Loopback ports that are free at the moment."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Sequence

HOST = "127.0.0.1"

# Below the range from which Linux (32768-) and macOS (49152-) take the ports of outgoing connections:
# nobody gets one of these by accident while a component is being restarted on it.
LOWEST, HIGHEST = 20000, 29999


def free_ports(count: int) -> list[int]:
    """`count` different ports that can be bound on the loopback address now.

    Another process may still take one before it is used; whoever starts a server on it has to notice that
    (see `errors.PortInUseError`) and ask again. Raises OSError when there are not that many.
    """
    found: list[int] = []
    for port in random.sample(range(LOWEST, HIGHEST + 1), HIGHEST + 1 - LOWEST):
        if len(found) == count:
            break
        if is_free(port):
            found.append(port)
    if len(found) < count:
        raise OSError(errno.EADDRINUSE, f"no {count} free ports on {HOST} between {LOWEST} and {HIGHEST}")
    return found


def is_free(port: int) -> bool:
    """Whether a server could bind `port` on the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As Go's servers do: connections in TIME_WAIT from an earlier server are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def named_ports(names: Sequence[str]) -> dict[str, int]:
    """A free port for each name."""
    return dict(zip(names, free_ports(len(names)), strict=True))
