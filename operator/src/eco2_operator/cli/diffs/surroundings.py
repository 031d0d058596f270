"""What `eco2 diff` has to know of the cluster: our resources there, as they would be with the files applied."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from eco2_operator.cache import Cache
from eco2_operator.cli.cluster import Reader, Refused
from eco2_operator.cli.errors import note
from eco2_operator.cli.resources import Given, Resources
from eco2_operator.kinds import ECO_DOMAIN, ECO_INGRESS, ECO_SECRET_BINDING, NAMESPACE, OPTIONAL, Kind
from eco2_operator.naming import Key, Manifest

_IDENTITY: Final = ("uid", "generation", "creationTimestamp", "deletionTimestamp")
"""What the API server says about a resource, and no file."""
YOUNGEST: Final = "9999-12-31T23:59:59Z"
"""When something was made that is still to be made: after all that there is, so that it takes no host from anybody."""


@dataclass(frozen=True, slots=True)
class Merged:
    """Files and cluster together."""

    made: Mapping[Key, Manifest]
    """Our resources of the files as they would be."""
    before: Mapping[Key, Manifest]
    """All of ours as they are."""
    cache: Cache
    """Those of the files as they would be, and all others of the cluster."""


def merged(reader: Reader, resources: Resources) -> Merged:
    """Read the cluster, and put the files into it."""
    namespaces = {given.key.namespace for given in resources.given}
    cache = Cache()
    cache.served = reader.served(OPTIONAL)
    live: dict[Key, Manifest] = {}
    kinds = (ECO_DOMAIN, ECO_INGRESS, *([ECO_SECRET_BINDING] if resources.bindings else []))
    for obj in (obj for kind in kinds for obj in _list(reader, kind, namespaces)):
        live[Key(obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"])] = obj
        cache.put(obj)
    for namespace in _namespaces(reader, namespaces):
        cache.put(namespace)
    made = {given.key: _merge(given, live.get(given.key)) for given in resources.given}
    for manifest in made.values():
        cache.put(manifest)
    return Merged(made, live, cache)


def _list(reader: Reader, kind: Kind, namespaces: set[str]) -> list[Manifest]:
    """All of a kind; for a user confined to namespaces those of the files."""
    try:
        return reader.objects(kind)
    except Refused as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
    note(f"note: you may not list {kind.plural} everywhere: only the namespaces of the files are considered")
    return [obj for namespace in sorted(namespaces) for obj in reader.objects(kind, namespace)]


def _namespaces(reader: Reader, names: set[str]) -> list[Manifest]:
    """Namespaces say whether their pods are in the mesh."""
    try:
        found = reader.get_many((NAMESPACE, "", name) for name in sorted(names))
    except Refused as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        note("note: you may not read namespaces: they are taken to be outside the mesh")
        return []
    return [namespace for namespace in found if namespace is not None]


def _merge(given: Given, live: Manifest | None) -> Manifest:
    """The resource as it would be after the apply: the spec of the file, the identity and status of the cluster."""
    manifest = {k: v for k, v in given.manifest.items() if k != "status"}
    metadata = {k: v for k, v in manifest["metadata"].items() if k not in (*_IDENTITY, "resourceVersion")}
    if live is None:
        return {**manifest, "metadata": {**metadata, "creationTimestamp": YOUNGEST}}
    identity = {k: live["metadata"][k] for k in _IDENTITY if k in live["metadata"]}
    annotations = {**(live["metadata"].get("annotations") or {}), **(metadata.get("annotations") or {})}
    made = {**manifest, "metadata": {**metadata, **identity, "annotations": annotations}}
    if live.get("status"):
        made["status"] = live["status"]
    return made
