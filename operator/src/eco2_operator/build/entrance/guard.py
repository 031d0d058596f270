"""The guard: a header by which the filters of a connection say what they protect, and routes ask for it.

Policies and filters reach Envoy in listeners, routes apart from them: a connection that is open keeps its filters while
it gets new routes. Without more, a route that is new, or not open any more, could be reached through filters that do
not ask about it yet. So the gateway's EnvoyFilter sets a header, in the same listener as the policies it tells of, and
every route matches on it. Where the filters are too old for a route, it is not there: 404, until the client connects
again.

The header holds entries between commas, of each entrance one, or two while it changes: ``id!open!open.asked/host/host``

- ``host``: every path of this host is asked about or open as the entry says, and this entrance's identity headers are
  removed from its requests;
- ``open``: from this path down ext-authz is not asked, until a path below says otherwise;
- ``asked``: from this path down it is. Above all of them it is, too.

Filters may ask about more than their entry says, never about less.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

from eco2_operator.build.entrance.context import Entrance
from eco2_operator.build.entrance.names import entrance_id
from eco2_operator.build.entrance.routes import Boundaries, is_open
from eco2_operator.build.entrance.scope import auth, provider
from eco2_operator.model.ingress import Route
from eco2_operator.naming import Manifest

HEADER: Final = "x-eco2-guard"
"""Set by the gateway on every request, whatever the client has sent."""
_DIGITS: Final = 8
_HEX: Final = "0123456789abcdef"
_WORD: Final = "[0-9a-f]+"


def entry(entrance: Entrance, hosts: Iterable[str]) -> str:
    """What filters say that have the policies of an entrance for these hosts."""
    openings = Boundaries.of(entrance.spec.routes, is_open)
    words = {
        "!": map(_digest, openings.begins),
        ".": map(_digest, openings.ends),
        "/": (_host(entrance, host) for host in hosts),
    }
    return entrance_id(entrance) + "".join(mark + word for mark, found in words.items() for word in sorted(found))


def value(entries: Iterable[str]) -> str:
    """The header's value."""
    return f",{','.join(sorted(entries))},"


def read(text: str) -> dict[str, frozenset[str]]:
    """The entries in a header's value, by the id of their entrance."""
    found: dict[str, frozenset[str]] = {}
    for each in filter(None, text.split(",")):
        own = each[: len(each) - len(each.lstrip(_HEX))]
        found[own] = found.get(own, frozenset()) | {each}
    return found


class Demands:
    """What the routes of an entrance ask of the header, as parts of a VirtualService's match (RE2)."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        self._ends = Boundaries.of(entrance.spec.routes, is_open).ends
        opened = sorted(_digest(route.path) for route in entrance.spec.routes if is_open(route))
        self._known = "".join(f"(!{word})?" for word in opened)

    def of(self, host: str, route: Route) -> Manifest:
        """What one route asks for one host.

        That the filters know the host. Where the route is not open, also that they have no opening where the present
        spec has no open route: it might be above the route, or take a part of what is below it. And if it lies below an
        opening, that they ask again from where the present spec ends it.
        """
        hosts = f"(/{_WORD})*/{_host(self._entrance, host)}(/{_WORD})*"
        if is_open(route):
            return self._match(f"(!{_WORD})*([.]{_WORD})*{hosts}")
        end = self.end_of_opening(route)
        asked = f"([.]{_WORD})*" + ("" if end is None else f"[.]{_digest(end)}([.]{_WORD})*")
        return self._match(f"{self._known}{asked}{hosts}")

    def end_of_opening(self, route: Route) -> str | None:
        """Where openness ends last on the way down to a route that is asked about; None when it never began."""
        above = (end for end in self._ends if f"{route.path}/".startswith(f"{end}/"))
        return None if is_open(route) else max(above, key=len, default=None)

    def _match(self, rest: str) -> Manifest:
        return {HEADER: {"regex": f".*,{entrance_id(self._entrance)}{rest},.*"}}


def _host(entrance: Entrance, host: str) -> str:
    """A host, and what else filters must have right for it: whose names they take out, and whom they ask."""
    return _digest(host, provider(entrance), *sorted(auth(entrance).identity_headers))


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:_DIGITS]
