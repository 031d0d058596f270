"""Which Ingress of a load balancer has to be looked at before which: the longest path must win."""

from collections.abc import Hashable, Iterator, Mapping


def depths(groups: Mapping[str, Hashable]) -> dict[str, int]:
    """How often the group changes on the way down to each route; a route that is deeper must be tried earlier.

    Inside one Ingress the controller tries longer paths first. Between Ingresses only their order counts, so of two
    routes of different groups (which share no Ingress) the longer one gets a greater depth, if it lies below the other.

    It is counted from above, not from below: a longer route that is added changes the depth of no other. What is added
    further up pushes routes only into Ingresses that are tried, and written, earlier.

    Args:
        groups: by path of a route, what it must have in common with another to share its Ingress.
    """
    found: dict[str, int] = {}
    for path in sorted(groups, key=len):
        found[path] = max(
            (found[above] + (groups[above] != groups[path]) for above in _above(path) if above in groups), default=0
        )
    return found


def _above(path: str) -> Iterator[str]:
    """The prefixes of a path that end at a segment, without itself."""
    if path != "/":
        yield "/"
        for end, character in enumerate(path):
            if character == "/" and end > 0:
                yield path[:end]
