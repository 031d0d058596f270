"""Sets of IP addresses as intervals of numbers. Pure."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_network, summarize_address_range
from typing import Any

from eco2_operator.build.network_ranges import outside as outside_peers
from eco2_operator.naming import Manifest

Interval = tuple[int, int, int]
"""IP version, first and last address, both included."""
Ranges = tuple[Interval, ...]


def of(*cidrs: str) -> Ranges:
    """The addresses of some ranges; one address is a range too.

    Raises:
        ValueError: when it is none.
    """
    networks = [ip_network(cidr, strict=False) for cidr in cidrs]
    return tuple((n.version, int(n.network_address), int(n.broadcast_address)) for n in networks)


def of_block(block: Manifest) -> Ranges:
    """The addresses of a NetworkPolicy's ``ipBlock``."""
    return minus(of(block["cidr"]), of(*(block.get("except") or ())))


def outside(cluster_cidrs: Iterable[str]) -> Ranges:
    """Everything that is not inside the cluster, as an outbound rule ``external: https`` understands it."""
    return tuple(part for peer in outside_peers(cluster_cidrs) for part in of_block(peer["ipBlock"]))


def minus(ranges: Sequence[Interval], taken: Iterable[Interval]) -> Ranges:
    """The addresses of the first that are not in the second."""
    left = list(ranges)
    for version, first, last in taken:
        rest: list[Interval] = []
        for interval in left:
            rest += _cut(interval, version, first, last)
        left = rest
    return tuple(left)


def _cut(interval: Interval, version: int, first: int, last: int) -> list[Interval]:
    own, start, end = interval
    if own != version or last < start or end < first:
        return [interval]
    parts = [(own, start, first - 1), (own, last + 1, end)]
    return [part for part in parts if part[1] <= part[2]]


def text(ranges: Sequence[Interval], *, most: int = 4) -> str:
    """Some of the ranges in words."""
    cidrs = [str(network) for interval in ranges for network in _networks(interval)]
    more = f" and {len(cidrs) - most} more" if len(cidrs) > most else ""
    return f"{', '.join(cidrs[:most])}{more}"


def _networks(interval: Interval) -> Iterable[Any]:
    version, first, last = interval
    if version == 4:
        return summarize_address_range(IPv4Address(first), IPv4Address(last))
    return summarize_address_range(IPv6Address(first), IPv6Address(last))
