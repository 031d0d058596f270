"""Every EcoIngress of the cluster as the builders see it: parsed once per generation, with the hosts it has."""

from collections.abc import Iterator, Mapping
from typing import Any

from eco2_operator.build.entrance.context import Entrance
from eco2_operator.cache import Cache
from eco2_operator.claims import Claimant, Claims, HostClaims, claimant, judge
from eco2_operator.errors import InvalidSpec
from eco2_operator.kinds import ECO_INGRESS
from eco2_operator.model.ingress import EcoIngressSpec
from eco2_operator.model.resource import Resource, is_suspended, parse
from eco2_operator.naming import Key, Manifest, Ref

_Version = tuple[str, int, bool]


class Entrances:
    """Reads EcoIngresses from the cache.

    Args:
        allowed: by host suffix, the namespaces that may have such hosts.
    """

    def __init__(self, cache: Cache, allowed: HostClaims) -> None:
        self._cache = cache
        self._allowed = allowed
        self._parsed: dict[Key, tuple[_Version, Entrance | None]] = {}
        self._known: dict[Key, tuple[str, Claimant | None]] = {}
        self._judged: tuple[tuple[Claimant, ...], dict[Key, Claims]] = ((), {})

    def parse(self, key: Key, obj: Mapping[str, Any]) -> Entrance:
        """An EcoIngress.

        Raises:
            InvalidSpec: with every fault, when the spec does not follow the schema.
        """
        entrance = self._remembered(key, obj)
        return entrance if entrance is not None else parse(obj, EcoIngressSpec)

    def claims(self, obj: Manifest) -> Claims:
        """The hosts that an EcoIngress has. Those whose spec cannot be understood claim nothing."""
        mine = claimant(obj)
        everybody = self._claimants()
        if self._judged[0] != everybody:
            self._judged = (everybody, judge(everybody, self._allowed))
        known = self._judged[1].get(mine.key)
        if known is not None and mine in everybody:
            return known
        return judge([mine, *(other for other in everybody if other.key != mine.key)], self._allowed)[mine.key]

    def _claimants(self) -> tuple[Claimant, ...]:
        found = []
        for key in self._cache.resources(ECO_INGRESS.name):
            version = self._cache.version(Ref(ECO_INGRESS.group, ECO_INGRESS.name, key.namespace, key.name)) or ""
            known = self._known.get(key)
            if known is None or known[0] != version:
                obj = self._cache.resource(key)
                understood = obj is not None and self._remembered(key, obj) is not None
                known = self._known[key] = (version, claimant(obj) if obj is not None and understood else None)
            if known[1] is not None:
                found.append(known[1])
        return tuple(found)

    def all(self) -> Iterator[tuple[Manifest, Entrance | None]]:
        """Every EcoIngress, by namespace and name; without its meaning when that cannot be understood."""
        for key in self._cache.resources(ECO_INGRESS.name):
            obj = self._cache.resource(key)
            if obj is not None:
                yield obj, self._remembered(key, obj)

    def forget(self, key: Key) -> None:
        """It is gone."""
        self._parsed.pop(key, None)
        self._known.pop(key, None)

    def _remembered(self, key: Key, obj: Mapping[str, Any]) -> Entrance | None:
        metadata = obj["metadata"]
        annotations = metadata.get("annotations") or {}
        version = (metadata.get("uid", ""), metadata.get("generation", 1), is_suspended(annotations))
        known = self._parsed.get(key)
        if known is not None and known[0] == version:
            return known[1]
        try:
            entrance: Entrance | None = parse(obj, EcoIngressSpec)
        except InvalidSpec:
            entrance = None
        self._parsed[key] = (version, entrance)
        return entrance


def without_spec(obj: Mapping[str, Any]) -> Entrance:
    """An EcoIngress of which only the identity counts: its spec may be one that cannot be understood."""
    metadata = obj["metadata"]
    key = Key(ECO_INGRESS.name, metadata["namespace"], metadata["name"])
    return Resource(
        key, metadata["uid"], metadata.get("generation", 1), {}, EcoIngressSpec.model_construct(hosts=[], routes=[])
    )
