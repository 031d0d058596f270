"""Hosts as Gateway, policies and routes have to name them."""

from collections.abc import Iterable, Sequence
from typing import Final

from eco2_operator.naming import Manifest

PORTS: Final = (80, 443)
"""Where a gateway listens."""


def distinct(hosts: Iterable[str]) -> tuple[str, ...]:
    """The hosts in order, without those a wildcard among them covers: Istio refuses routes that name both."""
    known = sorted(set(hosts))
    return tuple(host for host in known if not any(covers(wide, host) for wide in known))


def covers(wide: str, host: str) -> bool:
    """Whether a wildcard stands for a host, or for all that another wildcard stands for."""
    return wide.startswith("*.") and wide != host and host.endswith(wide[1:])


def policy_patterns(hosts: Iterable[str]) -> list[str]:
    """The hosts as an AuthorizationPolicy compares them with what the client sent, where a port may follow.

    A pattern has one star, at either end. After a wildcard the ports are therefore spelled out, and `authority` keeps
    requests with another one from the routes: Envoy chooses the routes of a host without looking at the port, so
    ``Host: a.example.org:1`` would come past every rule for ``*.example.org``.
    """
    patterns = []
    for host in distinct(hosts):
        patterns += [host, *(f"{host}:{port}" for port in PORTS)] if host.startswith("*.") else [host, f"{host}:*"]
    return patterns


def authority(host: str, among: Sequence[str]) -> Manifest | None:
    """What a route for one of several hosts asks of the client's ``Host``; None: nothing, since there is no other.

    After a wildcard no request may escape `policy_patterns`.
    """
    wide = host.startswith("*.")
    if len(among) == 1 and not wide:
        return None
    name = host.removeprefix("*").replace(".", "[.]")
    ports = "|".join(map(str, PORTS)) if wide else "[0-9]*"
    return {"regex": f"(?i){'[^:]*' if wide else ''}{name}(:({ports}))?"}
