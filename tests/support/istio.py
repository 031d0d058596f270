"""How Istio's policies and routes decide about a request, as istiod hands them to Envoy.

Paths and hosts: pilot/pkg/security/authz/matcher; hosts of routes: Envoy's RouteMatcher, which ignores a port.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """What a client sends, with the path in its plain form and without the query."""

    host: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)


def matches(pattern: str, value: str) -> bool:
    """A pattern of a policy: one star at either end, or it is the value itself. A star alone means: present."""
    if pattern == "*":
        return value != ""
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    return value == pattern


def applies(policy: Object | None, request: Request) -> bool:
    """Whether some rule of an AuthorizationPolicy matches: of CUSTOM that it asks, of DENY that it refuses."""
    rules = policy["spec"]["rules"] if policy is not None else ()
    return any(_operation(entry["operation"], request) for rule in rules for entry in rule["to"])


def _operation(operation: Object, request: Request) -> bool:
    assert set(operation) <= {"hosts", "paths", "notPaths"}
    assert all(operation.values()), "Istio refuses an empty list"
    host = request.host.lower()
    return (
        any(matches(pattern.lower(), host) for pattern in operation["hosts"])
        and any(matches(pattern, request.path) for pattern in operation.get("paths", ["/*", "*"]))
        and not any(matches(pattern, request.path) for pattern in operation.get("notPaths", ()))
    )


def served(virtual_service: Object, host: str) -> bool:
    """Whether Envoy chooses the routes of this VirtualService for a host the client wrote."""
    name = re.sub(r":[0-9]*$", "", host.lower())
    return any(matches(domain, name) and domain != f"*{name}" for domain in virtual_service["spec"]["hosts"])


def route_of(virtual_service: Object, request: Request) -> Object | None:
    """The first http route that matches; None is a 404."""
    if not served(virtual_service, request.host):
        return None
    for http in virtual_service["spec"]["http"]:
        if any(_match(match, request) for match in http["match"]):
            found: Object = http
            return found
    return None


def _match(match: Object, request: Request) -> bool:
    assert set(match) <= {"uri", "authority", "headers"}
    (kind, text), *others = match["uri"].items()
    assert not others
    hit = {"exact": request.path == text, "prefix": request.path.startswith(text)}[kind]
    authority = match.get("authority", {"regex": ".*"})["regex"]
    return (
        hit
        and re.fullmatch(authority, request.host) is not None
        and all(
            re.fullmatch(wanted["regex"], request.headers.get(name, "")) is not None
            for name, wanted in match.get("headers", {}).items()
        )
    )
