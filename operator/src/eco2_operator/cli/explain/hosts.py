"""Which EcoIngress a host belongs to. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from eco2_operator.build.entrance.hosts import covers
from eco2_operator.claims import Scope
from eco2_operator.cli.entrances.view import View


@dataclass(frozen=True, slots=True)
class Taker:
    """An EcoIngress that has a host."""

    view: View
    host: str
    """As the spec writes it: the host itself, or a wildcard."""


def takers(views: Iterable[View], host: str) -> list[Taker]:
    """Who answers for a host: at each gateway one at most, and one among the load balancers."""
    best: dict[Scope, Taker] = {}
    for view in views:
        for known in view.claims.hosts:
            if fits(known, host) and _closer(known, best.get(view.scope)):
                best[view.scope] = Taker(view, known)
    return list(best.values())


def refused(views: Iterable[View], host: str) -> Iterator[str]:
    """Who wants the host and does not have it, and why."""
    for view in views:
        for refusal in view.claims.refused:
            if fits(refusal.host, host):
                yield f"{view.title} does not have it: {refusal.reason}: {refusal}"


def fits(known: str, host: str) -> bool:
    """Whether a host of a spec stands for a host: it is the same, or a wildcard above it."""
    return known == host or covers(known, host)


def _closer(known: str, best: Taker | None) -> bool:
    """Whether a host says more than the best one so far: an exact one, else the longest wildcard."""
    if best is None:
        return True
    return (not known.startswith("*."), len(known)) > (not best.host.startswith("*."), len(best.host))
