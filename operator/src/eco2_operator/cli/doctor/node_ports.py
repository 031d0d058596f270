"""Node ports that two want. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from eco2_operator.cli.doctor.finding import Finding, missing, ok
from eco2_operator.naming import Manifest, child_name

Place = tuple[str, str]
"""Namespace and name."""


def node_ports(domains: Iterable[Manifest], services: Iterable[Manifest]) -> Iterable[Finding]:
    """Whether every requested node port is free for the one that asks for it."""
    holders = {
        port["nodePort"]: _place(service)
        for service in services
        for port in (service.get("spec") or {}).get("ports") or ()
        if port.get("nodePort")
    }
    wishes: dict[int, list[Place]] = {}
    for domain in domains:
        for port in sorted(requested(domain.get("spec") or {})):
            wishes.setdefault(port, []).append(_place(domain))
    clashes = 0
    for port, places in sorted(wishes.items()):
        holder = holders.get(port)
        others = [place for place in places if holder != (place[0], child_name(place[1]))]
        if holder is None:
            # Nobody has it yet; the first one will get it.
            others = others[1:]
        for place in others:
            clashes += 1
            taken = f"taken by Service {'/'.join(holder)}" if holder else f"asked for by {'/'.join(places[0])}"
            yield missing(
                "Node ports",
                f"{port}, which EcoDomain {'/'.join(place)} asks for, is {taken}",
                "change spec.nodePort of one of them, or leave it out to have a free one allocated",
            )
    if wishes and not clashes:
        yield ok("Node ports", f"each of the {len(wishes)} requested ones has one user")


def requested(spec: Mapping[str, Any]) -> set[int]:
    """The node ports a spec asks for."""
    if spec.get("suspend"):
        return set()
    listed = {port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}
    return listed | ({spec["nodePort"]} if spec.get("nodePort") else set())


def _place(obj: Mapping[str, Any]) -> Place:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]
