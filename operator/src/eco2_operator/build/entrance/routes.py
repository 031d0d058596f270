"""Which of several routes a path belongs to: the longest prefix, on segment boundaries.

Routes come first by order, but a policy has none: all its rules count at once. So what is true of a path is told by
the places where it changes on the way down from ``/``.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from eco2_operator.model.ingress import Route

Quality = Callable[[Route], bool]


def by_specificity(routes: Iterable[Route]) -> list[Route]:
    """The longest path first, then by text: the order of the file has no meaning."""
    return sorted(routes, key=lambda route: (-len(route.path), route.path))


def is_open(route: Route) -> bool:
    """Whether nobody is asked about a request: it may pass, or is refused anyway."""
    return route.public or route.deny


def is_denied(route: Route) -> bool:
    """Whether every request is refused."""
    return route.deny


def patterns(paths: Iterable[str]) -> list[str]:
    """Everything below these paths, on segment boundaries, as policies write it."""
    return [pattern for path in paths for pattern in (["/*"] if path == "/" else [path, f"{path}/*"])]


@dataclass(frozen=True, slots=True)
class Region:
    """All paths below one, but for those below others."""

    path: str
    without: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Where a quality of the routes begins and ends on the way down. Above the first route nothing has it.

    A route that is like the one it lies below is no boundary: adding it changes no policy.
    """

    begins: tuple[str, ...]
    ends: tuple[str, ...]

    @classmethod
    def of(cls, routes: Iterable[Route], quality: Quality) -> "Boundaries":
        """The boundaries of a quality."""
        has: dict[str, bool] = {}
        found: dict[bool, list[str]] = {True: [], False: []}
        for route in sorted(routes, key=lambda route: (len(route.path), route.path)):
            above = max((path for path in has if _below(route.path, path)), key=len, default=None)
            has[route.path] = quality(route)
            if has[route.path] != (above is not None and has[above]):
                found[has[route.path]].append(route.path)
        return cls(tuple(sorted(found[True])), tuple(sorted(found[False])))

    @property
    def outermost(self) -> tuple[str, ...]:
        """Where it begins first. Outside of these nothing has the quality."""
        return _topmost(self.begins)

    def with_it(self) -> list[Region]:
        """The regions that have the quality; together all of them."""
        return [Region(path, _topmost(_under(path, self.ends))) for path in self.begins]

    def without_it(self) -> list[Region]:
        """The regions below some begin that do not have it."""
        return [Region(path, _topmost(_under(path, self.begins))) for path in self.ends]


def _below(path: str, above: str) -> bool:
    """Whether a path lies strictly below another."""
    return path != above and (above == "/" or path.startswith(f"{above}/"))


def _under(above: str, paths: Iterable[str]) -> list[str]:
    return [path for path in paths if _below(path, above)]


def _topmost(paths: Iterable[str]) -> tuple[str, ...]:
    known = tuple(paths)
    return tuple(path for path in known if not any(_below(path, other) for other in known))
