"""Arithmetic on address ranges for NetworkPolicies."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Final

from eco2_operator.build.network_peers import block
from eco2_operator.naming import Manifest

LINK_LOCAL_V4: Final = IPv4Network("169.254.0.0/16")
"""Link-local, where cloud metadata services (and so the node's credentials) answer; RFC 3927."""
LINK_LOCAL_V6: Final = (IPv6Network("fe80::/10"), IPv6Network("fd00:ec2::254/128"))
"""IPv6 link-local (RFC 4291) and the EC2 metadata service."""

_ALL_V4: Final = IPv4Network("0.0.0.0/0")
_ALL_V6: Final = IPv6Network("::/0")


def canonical(cidr: str) -> str:
    """The range with its host bits cleared, the only form that every API server accepts."""
    return str(ip_network(cidr, strict=False))


def outside(cluster_cidrs: Iterable[str]) -> list[Manifest]:
    """Everything outside the cluster and its metadata services, as peers; empty when nothing is left.

    ``except`` must hold strict parts of ``cidr`` (API validation): nested and adjoining ranges are merged.
    """
    networks = [ip_network(cidr, strict=False) for cidr in cluster_cidrs]
    v4 = collapse_addresses([LINK_LOCAL_V4, *(n for n in networks if isinstance(n, IPv4Network))])
    v6 = collapse_addresses([*LINK_LOCAL_V6, *(n for n in networks if isinstance(n, IPv6Network))])
    peers = []
    for everything, holes in ((_ALL_V4, [str(n) for n in v4]), (_ALL_V6, [str(n) for n in v6])):
        if str(everything) not in holes:
            peers.append(block(str(everything), holes))
    return peers
