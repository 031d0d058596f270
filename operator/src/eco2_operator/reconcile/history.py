"""Remember the spec that last was Ready, in a ControllerRevision: what `eco2 rollback` prints."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import orjson

from eco2_operator.apply import ABSENT, Client
from eco2_operator.build.context import Domain
from eco2_operator.build.labels import metadata
from eco2_operator.cache import Cache
from eco2_operator.errors import Conflict
from eco2_operator.failures import ManagerConflict
from eco2_operator.kinds import CONTROLLER_REVISION
from eco2_operator.naming import API_VERSION, Manifest, Ref, child_name, controller_uid

KEPT: Final = 2
"""Revisions of a domain: the one that is Ready, and the one before."""


class History:
    """Keeps the specs of EcoDomains that were Ready."""

    def __init__(self, client: Client, cache: Cache) -> None:
        self._client = client
        self._cache = cache

    async def record(self, domain: Domain, spec: Mapping[str, Any]) -> None:
        """Make a spec the newest revision, if it is not; drop those nobody needs any more.

        Raises:
            ChildError: when the API server refuses or does not answer.
        """
        known = sorted(self._revisions(domain), key=lambda revision: int(revision["revision"]))
        name = child_name(domain.name, _digest(domain.uid, spec))
        if known and known[-1]["metadata"]["name"] == name:
            return
        number = int(known[-1]["revision"]) + 1 if known else 1
        former = next((revision for revision in known if revision["metadata"]["name"] == name), None)
        manifest = _revision(domain, name, spec, number)
        # Going back to an earlier spec gives its revision a new number; the data are immutable and the same.
        try:
            self._cache.put(await self._write(manifest, former))
        except (Conflict, ManagerConflict) as conflict:  # the watch does not show it: it is late, or lost our label
            hidden = await self._client.get(CONTROLLER_REVISION, domain.namespace, name)
            if hidden is None or controller_uid(hidden) != domain.uid:
                raise Conflict(f"{Ref.of(manifest)} is not of this EcoDomain, or has just gone") from conflict
            self._cache.put(await self._write(manifest, hidden))
        others = [revision for revision in known if revision is not former]
        for revision in others[: len(others) - (KEPT - 1)]:
            ref = Ref.of(revision)
            uid = revision["metadata"]["uid"]
            await self._client.delete(CONTROLLER_REVISION, ref.namespace, ref.name, uid=uid)
            self._cache.remove(ref, uid=uid)

    async def _write(self, manifest: Manifest, former: Manifest | None) -> Manifest:
        identity = {"uid": former["metadata"]["uid"]} if former is not None else {"resourceVersion": ABSENT}
        exact = {**manifest, "metadata": {**manifest["metadata"], **identity}}
        return await self._client.apply(CONTROLLER_REVISION, exact, force=former is not None)

    def _revisions(self, domain: Domain) -> list[Manifest]:
        refs = (ref for ref in self._cache.owned(domain.key) if ref.kind == CONTROLLER_REVISION.name)
        found = (self._cache.get(ref) for ref in refs)
        return [obj for obj in found if obj is not None and controller_uid(obj) == domain.uid]


def _revision(domain: Domain, name: str, spec: Mapping[str, Any], number: int) -> Manifest:
    return {
        "apiVersion": CONTROLLER_REVISION.api_version,
        "kind": CONTROLLER_REVISION.name,
        "metadata": {**metadata(domain), "name": name},
        "revision": number,
        "data": {
            "apiVersion": API_VERSION,
            "kind": domain.key.kind,
            "metadata": {"name": domain.name, "namespace": domain.namespace},
            "spec": dict(spec),
        },
    }


def _digest(uid: str, spec: Mapping[str, Any]) -> str:
    """The uid keeps revisions apart that an earlier EcoDomain of the name left behind (deleted with its orphans)."""
    return hashlib.sha256(uid.encode() + orjson.dumps(spec, option=orjson.OPT_SORT_KEYS)).hexdigest()[:8]
