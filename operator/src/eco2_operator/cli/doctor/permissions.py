"""Whether the present user may do what the operator does. Pure: asking is done elsewhere."""

from collections.abc import Iterable, Sequence

from eco2_operator.cli.cluster import Permission
from eco2_operator.cli.doctor.finding import Finding, missing, ok
from eco2_operator.rbac import NEEDED, OWN, Need


def wanted(namespaces: Sequence[str], own: str) -> list[Permission]:
    """Every single permission, in each of the watched namespaces; none named means everywhere.

    Args:
        own: the namespace of the Lease; without one there is none.
    """
    every = (
        Permission(verb, need.kind.group, need.kind.plural, place, need.subresource)
        for need in NEEDED
        for place in _places(need, namespaces or ("",), own)
        for verb in need.verbs
    )
    return list(every)


def _places(need: Need, namespaces: Sequence[str], own: str) -> Sequence[str]:
    if need.kind in OWN:
        return (own,) if own else ()
    return ("",) if need.clusterwide else namespaces


def permissions(asked: Iterable[Permission], allowed: Iterable[bool]) -> Iterable[Finding]:
    """One finding for each kind of object that the present user may not handle as needed; one when all is allowed."""
    refused: dict[tuple[str, str], list[str]] = {}
    for permission, granted in zip(asked, allowed, strict=True):
        if not granted:
            refused.setdefault((permission.name, permission.namespace), []).append(permission.verb)
    for (name, namespace), verbs in refused.items():
        where = f"in namespace {namespace}" if namespace else "in all namespaces"
        yield missing(
            "Permissions",
            f"you may not {', '.join(verbs)} {name} {where}",
            "whoever runs the operator needs it: bind a role that allows it",
        )
    if not refused:
        yield ok("Permissions", "you may do everything the operator does")
