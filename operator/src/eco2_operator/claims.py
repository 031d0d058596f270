"""Who has which host: within a scope the oldest of those who may have it. Pure.

A host that two EcoIngresses served would be answered by either of them: istiod keeps one TLS server per host and says
nothing about the other.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from eco2_operator.kinds import ECO_INGRESS
from eco2_operator.model.ingress import Gateway
from eco2_operator.naming import Key

HostClaims = Mapping[str, Collection[str]]
"""By host suffix: the namespaces that may have such hosts."""
WILDCARD: Final = "*."
_GATEWAY: Final = Gateway()
"""What an EcoIngress that says nothing about its gateway means."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a host can belong to one EcoIngress only: an Istio gateway, or all the load balancers together."""

    namespace: str = ""
    """Of the gateway; empty: load balancers that send requests straight to domains."""
    selector: tuple[tuple[str, str], ...] = ()
    """Labels of the gateway's pods, in order."""


@dataclass(frozen=True, slots=True)
class Claimant:
    """An EcoIngress that wants hosts."""

    key: Key
    created: str
    """RFC 3339 in UTC, which sorts like the time it means."""
    scopes: frozenset[Scope]
    """It has a host only where nobody else has it in any of these."""
    hosts: tuple[str, ...]

    @property
    def age(self) -> tuple[str, str, str]:
        """What the oldest is found by."""
        return self.created, self.key.namespace, self.key.name


@dataclass(frozen=True, slots=True)
class Refusal:
    """A host that an EcoIngress does not get."""

    reason: Literal["HostClaimed", "HostRefused"]
    host: str
    message: str

    def __str__(self) -> str:
        return f"{self.host}: {self.message}"


@dataclass(frozen=True, slots=True)
class Claims:
    """What became of the hosts of one EcoIngress."""

    hosts: tuple[str, ...]
    """Those it has, in the order of the spec."""
    refused: tuple[Refusal, ...] = ()


def scope_of(spec: Mapping[str, Any]) -> Scope:
    """Where the hosts of an EcoIngress are claimed, from its spec as JSON."""
    if spec.get("provider") == "alb" and (spec.get("alb") or {}).get("target") == "domain":
        return Scope()
    gateway = spec.get("gateway") or {}
    selector = gateway.get("selector") or _GATEWAY.selector
    return Scope(gateway.get("namespace") or _GATEWAY.namespace, tuple(sorted(selector.items())))


def claimant(ingress: Mapping[str, Any]) -> Claimant:
    """An EcoIngress as far as claims go, from its JSON. One that is only rendered has no age yet: names decide."""
    metadata, spec = ingress["metadata"], ingress["spec"]
    key = Key(ECO_INGRESS.name, metadata["namespace"], metadata["name"])
    scopes = {scope_of(spec)}
    if spec.get("provider") == "alb":  # also with a gateway behind it: two load balancers would share a name in DNS
        scopes.add(Scope())
    return Claimant(key, str(metadata.get("creationTimestamp") or ""), frozenset(scopes), tuple(spec["hosts"]))


def judge(everybody: Iterable[Claimant], allowed: HostClaims) -> dict[Key, Claims]:
    """Which hosts each EcoIngress has, and why it lacks the others: the oldest comes first."""
    granted: dict[Scope, _Granted] = {}
    return {one.key: _grant(one, granted, allowed) for one in sorted(everybody, key=lambda each: each.age)}


def _grant(one: Claimant, granted: dict[Scope, "_Granted"], allowed: HostClaims) -> Claims:
    """Give somebody what nobody older has, in every scope where it wants it."""
    hosts, refused = [], []
    places = [granted.setdefault(scope, _Granted()) for scope in sorted(one.scopes, key=str)]
    for host in one.hosts:
        if not may_claim(one.key.namespace, host, allowed):
            refused.append(Refusal("HostRefused", host, _who_may(host, one.key.namespace, allowed)))
            continue
        holder = next(filter(None, (place.holder(host, one.key) for place in places)), None)
        if holder is not None:
            refused.append(Refusal("HostClaimed", host, _whose(host, *holder)))
            continue
        hosts.append(host)
        for place in places:
            place.add(host, one.key)
    return Claims(tuple(hosts), tuple(refused))


class _Granted:
    """Who has which host of a scope. A wildcard and a host that it covers are not for two: whose policies would act?"""

    def __init__(self) -> None:
        self._hosts: dict[str, Key] = {}
        self._below: dict[str, list[tuple[str, Key]]] = {}

    def add(self, host: str, key: Key) -> None:
        """Somebody has a host."""
        self._hosts[host] = key
        for suffix in _suffixes(host):
            self._below.setdefault(suffix, []).append((host, key))

    def holder(self, host: str, key: Key) -> tuple[str, Key] | None:
        """Which host of somebody else stands in the way, and whose it is."""
        wide = (host, *(f"{WILDCARD}{suffix}" for suffix in _suffixes(host)))
        found = [(each, self._hosts[each]) for each in wide if each in self._hosts]
        if host.startswith(WILDCARD):
            found += self._below.get(host.removeprefix(WILDCARD), ())
        return next(((each, owner) for each, owner in found if owner != key), None)


def _suffixes(host: str) -> list[str]:
    """What a wildcard that covers a host ends in."""
    labels = host.removeprefix(WILDCARD).split(".")
    return [".".join(labels[start:]) for start in range(0 if host.startswith(WILDCARD) else 1, len(labels))]


def _whose(host: str, held: str, holder: Key) -> str:
    whom = f"EcoIngress {holder.namespace}/{holder.name}"
    return f"belongs to {whom}" if held == host else f"{whom} has {held}, and one of the two covers the other"


def may_claim(namespace: str, host: str, allowed: HostClaims) -> bool:
    """Whether EcoIngresses of a namespace may have a host: the longest suffix on the boundary of a label decides.

    A wildcard also takes every host below it that nobody has: whoever decides about one of these decides here too.
    """
    base = host.removeprefix(WILDCARD)
    below = [suffix for suffix in allowed if base != host and _ends_in(suffix, base)]
    deciding = _deciding(host, allowed)
    return deciding is not None and all(namespace in allowed[suffix] for suffix in (deciding, *below))


def _deciding(host: str, allowed: HostClaims) -> str | None:
    return max((suffix for suffix in allowed if _ends_in(host, suffix)), key=len, default=None)


def _ends_in(host: str, suffix: str) -> bool:
    return not suffix or host == suffix or host.endswith(f".{suffix}")


def _who_may(host: str, namespace: str, allowed: HostClaims) -> str:
    suffix = _deciding(host, allowed)
    if suffix is None:
        return "no namespace may have it: add one of its suffixes to the setting ECO2_HOST_CLAIMS"
    if namespace in allowed[suffix]:
        return f"namespace {namespace} may not have all that it stands for (setting ECO2_HOST_CLAIMS): name the hosts"
    entitled = ", ".join(sorted(allowed[suffix])) or "nobody"
    which = f"hosts under {suffix}" if suffix else "such hosts"
    return (
        f"namespace {namespace} may not have {which}, only {entitled}: "
        "move the EcoIngress there, or add the namespace to the setting ECO2_HOST_CLAIMS"
    )
