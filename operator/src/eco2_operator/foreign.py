"""Secrets and ConfigMaps that pods read: from the cache where we watch them, else read one by one and soon forgotten.

Only labelled Secrets are watched (ours, and those of External Secrets); of any other the operator sees nothing but what
a domain refers to, at the time it is reconciled.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from eco2_operator.build.references import Reference, Source
from eco2_operator.cache import Cache
from eco2_operator.errors import Forbidden
from eco2_operator.kinds import CONFIG_MAP, SECRET
from eco2_operator.kube import Reader
from eco2_operator.naming import Ref
from eco2_operator.slim import Digest, slim_secret
from eco2_operator.sources import Contents

FRESH_SECONDS = 10.0
"""How long what was read counts as true: pods may change state many times within it."""

Keys = Mapping[str, str] | None


class SourceReader:
    """Looks up what pods read.

    Args:
        digest: what is told of a value.
        clock: monotonic seconds.
    """

    def __init__(self, reader: Reader, cache: Cache, *, digest: Digest, clock: Callable[[], float]) -> None:
        self._reader = reader
        self._cache = cache
        self._digest = digest
        self._clock = clock
        self._known: dict[tuple[str, Source, str], tuple[float, Keys]] = {}

    async def contents(self, namespace: str, references: Iterable[Reference]) -> Contents:
        """Every key of what is referred to, with a digest of its value.

        Raises:
            ChildError: when the API server does not answer.
        """
        places = sorted({(reference.kind, reference.name) for reference in references})
        found = await asyncio.gather(*(self._find(namespace, kind, name) for kind, name in places))
        return {place: keys for place, (readable, keys) in zip(places, found, strict=True) if readable}

    async def _find(self, namespace: str, kind: Source, name: str) -> tuple[bool, Keys]:
        if kind == "Secret":
            cached = self._cache.get(Ref(SECRET.group, SECRET.name, namespace, name))
            if cached is not None:
                self._known.pop((namespace, kind, name), None)
                return True, cached["digests"]
        known = self._known.get((namespace, kind, name))
        if known is not None and self._clock() - known[0] < FRESH_SECONDS:
            return True, known[1]
        try:
            keys = await self._read(namespace, kind, name)
        except Forbidden:
            return False, None
        self._known[namespace, kind, name] = (self._clock(), keys)
        return True, keys

    async def _read(self, namespace: str, kind: Source, name: str) -> Keys:
        obj = await self._reader.get(SECRET if kind == "Secret" else CONFIG_MAP, namespace, name)
        if obj is None:
            return None
        if kind == "Secret":
            digests: Mapping[str, str] = slim_secret(obj, self._digest)["digests"]
            return digests
        return dict.fromkeys((*(obj.get("data") or {}), *(obj.get("binaryData") or {})), "")
