"""What EcoIngresses need that others bring: Istio's kinds, gateways, certificates. Pure."""

from collections.abc import Iterable, Mapping

from eco2_operator.build.entrance.scope import gateway
from eco2_operator.claims import Scope
from eco2_operator.cli.doctor.finding import Finding, missing, ok
from eco2_operator.cli.entrances import gateways
from eco2_operator.cli.entrances.view import View
from eco2_operator.kinds import ENTRANCE

Certificate = tuple[str, str]
"""Namespace and name of a Secret."""


def istio(views: Iterable[View]) -> Iterable[Finding]:
    """Whether the kinds are served without which nothing is made."""
    users = [view for view in views if not view.is_direct]
    lacking = {name: None for view in users for name in view.missing_kinds}
    if lacking:
        yield missing(
            "Istio's kinds",
            f"{', '.join(lacking)} not served: {_some(users)} cannot be made",
            "install Istio's CustomResourceDefinitions; the operator takes them up by itself",
        )
    elif users:
        yield ok("Istio's kinds", f"all {len(ENTRANCE)} that EcoIngresses need are served")


def scopes(views: Iterable[View]) -> list[Scope]:
    """The gateways that EcoIngresses use."""
    return sorted({view.scope for view in views if not view.is_direct}, key=lambda s: (s.namespace, s.selector))


def pods(views: Iterable[View], found: Mapping[Scope, int]) -> Iterable[Finding]:
    """Whether each gateway has pods; ``found`` says how many."""
    known = list(views)
    for scope, number in found.items():
        where = f"namespace {scope.namespace} with {gateways.pods_of(scope)}"
        if number:
            yield ok("Gateways", f"{number} {'pod' if number == 1 else 'pods'} in {where}")
        else:
            users = _some([view for view in known if not view.is_direct and view.scope == scope])
            todo = "install the gateway, or correct spec.gateway"
            yield missing("Gateways", f"no pod in {where}, through which {users} should go", todo)


def certificates(views: Iterable[View]) -> dict[Certificate, list[View]]:
    """The Secrets that gateways read, each with who wants it."""
    wanted: dict[Certificate, list[View]] = {}
    for view in views:
        own = gateway(view.entrance)
        if not view.is_direct and own.tls is not None:
            wanted.setdefault((own.namespace, own.tls.secret_name), []).append(view)
    return wanted


def secrets(wanted: Mapping[Certificate, list[View]], present: Mapping[Certificate, bool]) -> Iterable[Finding]:
    """Whether they are there."""
    for place, users in wanted.items():
        if not present[place]:
            yield missing(
                "Certificates",
                f"there is no Secret {'/'.join(place)}, which {_some(users)} serves",
                f"kubectl create secret tls {place[1]} -n {place[0]} --cert=tls.crt --key=tls.key",
            )
    if wanted and all(present.values()):
        yield ok("Certificates", f"{', '.join('/'.join(place) for place in wanted)}")


def _some(views: list[View]) -> str:
    """Names for a sentence: three at most."""
    names = [view.title for view in views]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
