"""One request as the proxy saw it, and what a rule says about the requests it is for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, urlsplit

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "GET": "get"}


@dataclass
class Exchange:
    """A request, with its answer's status once there is one."""

    at: float
    """Monotonic seconds."""
    verb: str
    """As in the audit log: get, list, watch, create, update, patch, delete, deletecollection."""
    resource: str
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    agent: str = ""
    """The client's User-Agent."""
    query: Mapping[str, str] = field(default_factory=dict)
    code: int | None = None
    """None until answered, and when no answer was given."""
    fault: str = ""
    """What was done to it."""

    @property
    def target(self) -> tuple[str, ...]:
        """What it is about, whenever it is asked."""
        return (self.verb, self.resource, self.subresource, self.namespace, self.name)

    @property
    def is_write(self) -> bool:
        """Whether it changes something, or tries to."""
        return self.verb in WRITES

    def __str__(self) -> str:
        what = "/".join(filter(None, (self.resource, self.subresource)))
        return f"{self.at:.2f} {self.verb} {what} {self.namespace}/{self.name} -> {self.code} {self.fault}".rstrip()


def describe(method: str, target: str, headers: Mapping[str, str], *, at: float) -> Exchange:
    """What a request is about, by its path: https://kubernetes.io/docs/reference/using-api/api-concepts/."""
    url = urlsplit(target)
    query = dict(parse_qsl(url.query))
    parts = [part for part in url.path.split("/") if part]
    rest = parts[2:] if parts[:1] == ["api"] else parts[3:]  # what follows the version
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    resource, name, subresource = (*rest, "", "", "")[:3]
    verb = VERBS.get(method, method.lower())
    if verb == "get" and not name:
        verb = "watch" if query.get("watch") in ("1", "true") else "list"
    if verb == "delete" and not name:
        verb = "deletecollection"
    agent = headers.get("User-Agent", "")
    return Exchange(at, verb, resource or url.path, subresource, namespace, name, agent, query)


@dataclass(frozen=True)
class Match:
    """Which requests a rule is for; what is left empty matches everything.

    Args:
        verbs: as in the audit log.
        resource: the plural; with a slash for a subresource: ``deployments``, ``ecodomains/status``.
        namespace: the object's, also for lines of a watch over all namespaces.
        name: a regular expression for the whole name.
        event: for lines of a watch: ADDED, MODIFIED, DELETED or BOOKMARK.
    """

    verbs: frozenset[str] = frozenset()
    resource: str = ""
    namespace: str = ""
    name: str = ""
    event: str = ""

    def fits(self, exchange: Exchange, *, event: str = "") -> bool:
        """Whether it is for this request, or for this line of a watch."""
        what = "/".join(filter(None, (exchange.resource, exchange.subresource)))
        return (
            (not self.verbs or exchange.verb in self.verbs)
            and (not self.resource or self.resource == what)
            and (not self.namespace or self.namespace == exchange.namespace)
            and (not self.name or re.fullmatch(self.name, exchange.name) is not None)
            and (not self.event or self.event == event)
        )

    def of(self, namespace: str) -> "Match":
        """The same, in one namespace."""
        return replace(self, namespace=namespace)


EVERYTHING = Match()
WRITING = Match(WRITES)
READING = Match(frozenset({"get", "list", "watch"}))


def watching(resource: str = "", **fields: str) -> Match:
    """Watches of a resource, or lines of them."""
    return Match(frozenset({"watch"}), resource, **fields)
