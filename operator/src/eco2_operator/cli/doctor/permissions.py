"""What the operator must be allowed to do. Pure: asking is done elsewhere."""

from collections.abc import Iterable, Sequence
from typing import Final

from eco2_operator.cli.cluster import Permission
from eco2_operator.cli.doctor.finding import Finding, missing, ok
from eco2_operator.kinds import CHILDREN, ECO_DOMAIN, EVENT, OBSERVED, RESOURCES, Kind

WATCH: Final = ("get", "list", "watch")
MAKE: Final = (*WATCH, "create", "patch", "delete")
"""Server-side apply needs patch, and create for an object that is not there yet."""

NEEDED: Final[tuple[tuple[Kind, str, tuple[str, ...]], ...]] = (
    *((kind, "", WATCH) for kind in RESOURCES),
    (ECO_DOMAIN, "status", ("patch",)),
    *((kind, "", MAKE) for kind in CHILDREN),
    *((kind, "", WATCH) for kind in OBSERVED),
    (EVENT, "", ("create",)),
)
"""Kind, subresource and verbs."""


def wanted(namespaces: Sequence[str]) -> list[Permission]:
    """Every single permission, in each of the watched namespaces; none named means everywhere."""
    return [
        Permission(verb, kind.group, kind.plural, namespace, subresource)
        for namespace in namespaces or ("",)
        for kind, subresource, verbs in NEEDED
        for verb in verbs
    ]


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
