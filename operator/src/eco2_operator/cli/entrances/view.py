"""An EcoIngress as the operator sees it: with the hosts it has, and where its routes lead. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eco2_operator.build.entrance.context import Entrance, EntranceContext, Unresolved
from eco2_operator.build.entrance.scope import missing_kinds, through_gateway
from eco2_operator.cache import Cache
from eco2_operator.claims import Claims, Scope, scope_of
from eco2_operator.entrances import Entrances
from eco2_operator.gather import entrance_context
from eco2_operator.kinds import ECO_INGRESS
from eco2_operator.naming import Key, Manifest
from eco2_operator.settings import Settings
from eco2_operator.status.entrance import Observation, of_entrance


@dataclass(frozen=True, slots=True)
class View:
    """One EcoIngress and its surroundings."""

    obj: Manifest
    entrance: Entrance
    claims: Claims
    ctx: EntranceContext

    @property
    def title(self) -> str:
        """How messages name it."""
        return f"{ECO_INGRESS.name} {self.entrance.namespace}/{self.entrance.name}"

    @property
    def status(self) -> Mapping[str, Any]:
        """Its status; empty where there is none yet."""
        return self.obj.get("status") or {}

    @property
    def scope(self) -> Scope:
        """Where its hosts are claimed: its gateway, or all load balancers together."""
        return scope_of(self.obj["spec"])

    @property
    def is_direct(self) -> bool:
        """Whether a load balancer sends requests straight to the domains."""
        return not through_gateway(self.entrance)

    @property
    def missing_kinds(self) -> tuple[str, ...]:
        """Kinds it needs and the cluster lacks: without one of them nothing is made."""
        return missing_kinds(self.entrance, self.ctx.served)

    def state(self, path: str) -> str:
        """What the status would call a route, were everything made: Programmed, Pending, Refused or Denied."""
        seen = Observation(self.claims, self.ctx.targets)
        status = of_entrance(self.entrance, seen, previous={}, now="")
        return next(str(route["state"]) for route in status["routes"] if route["path"] == path)

    def remarks(self) -> Iterator[str]:
        """What is not as its spec wants it, each with the reason that the status would give."""
        if self.missing_kinds:
            yield f"KindMissing: the cluster does not serve {', '.join(self.missing_kinds)}: nothing is made"
        for refusal in self.claims.refused:
            yield f"{refusal.reason}: {refusal}"
        if not self.claims.hosts:
            yield "it has no host, so nothing is made"
        for path, target in self.ctx.targets.items():
            if isinstance(target, Unresolved):
                yield f"route {path}: {target.reason}: {target.message}"


class Views:
    """The EcoIngresses of a cache, which may be a cluster or a few files; looked at once.

    Attributes:
        all: those that can be understood, by namespace and name.
        faulty: those that cannot.
    """

    def __init__(self, cache: Cache, settings: Settings) -> None:
        entrances = Entrances(cache, settings.host_claims)
        self.all: list[View] = []
        self.faulty: list[Manifest] = []
        for obj, entrance in entrances.all():
            if entrance is None:
                self.faulty.append(obj)
                continue
            claims = entrances.claims(obj)
            ctx = entrance_context(entrance, claims.hosts, cache, settings.cluster)
            self.all.append(View(obj, entrance, claims, ctx))

    def of(self, key: Key) -> View:
        """One that is known to be there and without fault."""
        return next(view for view in self.all if view.entrance.key == key)
