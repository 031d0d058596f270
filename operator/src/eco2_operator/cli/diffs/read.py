"""What `eco2 diff` reads and plans: the operator's own steps, on a cache filled by lists instead of watches."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

from eco2_operator.cache import Cache
from eco2_operator.cli.cluster import Reader, Refused
from eco2_operator.cli.configuration import load_settings
from eco2_operator.cli.diffs.change import Change, compare, removal
from eco2_operator.cli.errors import note
from eco2_operator.cli.resources import Given, Resources
from eco2_operator.gather import domain_context
from eco2_operator.kinds import DEPLOYMENT, ECO_DOMAIN, ECO_INGRESS, SERVICE, Kind, by_name
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import Resource, parse
from eco2_operator.naming import Key, Manifest, Ref, child_name, controller_of
from eco2_operator.plan import plan_domain


@dataclass(frozen=True, slots=True)
class Conflict:
    """A child that cannot be made, because somebody else's object has its name."""

    ref: Ref
    message: str


def changes(reader: Reader, resources: Resources) -> Iterator[Change | Conflict]:
    """What applying the EcoDomains of the files would change, in the order of the files."""
    given = [g for g, _ in resources.domains]
    live, cache = _everything(reader, {g.key.namespace for g in given})
    merged = {g.key: _merge(g, live.get(g.key)) for g in resources.given}
    for manifest in merged.values():
        cache.put(manifest)
    for one in given:
        yield from _domain(reader, cache, one, merged[one.key])


def _everything(reader: Reader, namespaces: set[str]) -> tuple[dict[Key, Manifest], Cache]:
    """Our resources in the cluster, and a cache of all that are not in the files."""
    found = [
        *_list(reader, ECO_DOMAIN, namespaces),
        *_list(reader, ECO_INGRESS, namespaces),
    ]
    cache = Cache()
    live = {}
    for obj in found:
        live[Key(obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"])] = obj
        cache.put(obj)
    return live, cache


def _list(reader: Reader, kind: Kind, namespaces: set[str]) -> list[Manifest]:
    """All of a kind; for a user confined to namespaces those of the files."""
    try:
        return reader.objects(kind)
    except Refused as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
    note(f"note: you may not list {kind.plural} everywhere: only the namespaces of the files are considered")
    return [obj for namespace in sorted(namespaces) for obj in reader.objects(kind, namespace)]


def _merge(given: Given, live: Manifest | None) -> Manifest:
    """The resource as it would be after the apply: the spec of the file, the identity and status of the cluster."""
    manifest = {k: v for k, v in given.manifest.items() if k != "status"}
    metadata = {k: v for k, v in manifest["metadata"].items() if k not in ("uid", "generation", "resourceVersion")}
    if live is None:
        return {**manifest, "metadata": metadata}
    identity = {k: live["metadata"][k] for k in ("uid", "generation")}
    annotations = {**(live["metadata"].get("annotations") or {}), **(metadata.get("annotations") or {})}
    merged = {**manifest, "metadata": {**metadata, **identity, "annotations": annotations}}
    if live.get("status"):
        merged["status"] = live["status"]
    return merged


def _domain(reader: Reader, cache: Cache, given: Given, manifest: Manifest) -> Iterator[Change | Conflict]:
    domain = parse(manifest, EcoDomainSpec)
    if domain.suspended:
        note(f"note: {given.source}: {given.subject}: suspended; the operator changes nothing")
        return
    _read_own(reader, cache, domain)
    plan = plan_domain(domain, domain_context(domain, cache, load_settings().cluster))
    for refused in plan.refused:
        note(f"note: {given.source}: {given.subject}: {refused}")
    wanted = plan.by_ref()
    for desired, live in zip(wanted.values(), _read(reader, wanted), strict=True):
        if live is not None and not _controlled_by(live, domain.uid):
            yield _conflict(Ref.of(desired), live)
        elif (change := compare(desired, live)) is not None:
            yield change
    yield from _removals(reader, manifest, set(wanted), domain.uid)


def _read_own(reader: Reader, cache: Cache, domain: Resource[EcoDomainSpec]) -> None:
    """The live children that have a say in the plan: node ports and replicas are kept."""
    name = child_name(domain.name)
    for live in reader.get_many((kind, domain.namespace, name) for kind in (SERVICE, DEPLOYMENT)):
        if live is not None and _controlled_by(live, domain.uid):
            cache.put(live)


def _read(reader: Reader, refs: Iterable[Ref]) -> list[Manifest | None]:
    known = [(by_name(ref.group, ref.kind), ref) for ref in refs]
    return reader.get_many((kind, ref.namespace, ref.name) for kind, ref in known if kind is not None)


def _controlled_by(live: Manifest, uid: str) -> bool:
    controller = controller_of(live)
    return bool(uid) and controller is not None and controller.get("uid") == uid


def _conflict(ref: Ref, live: Manifest) -> Conflict:
    holder = controller_of(live)
    whose = f"belongs to {holder['kind']} {holder['name']}" if holder else "was not made by the operator"
    return Conflict(ref, f"{ref} exists and {whose}: the operator will leave it alone; rename or delete one of the two")


def _removals(reader: Reader, manifest: Manifest, wanted: set[Ref], uid: str) -> Iterator[Change]:
    """Children made earlier that are not wanted any more."""
    inventory = (manifest.get("status") or {}).get("inventory") or []
    stale = [
        (ref, item["uid"])
        for item in inventory
        if (ref := Ref(item["group"], item["kind"], item["namespace"], item["name"])) not in wanted
        and by_name(ref.group, ref.kind) is not None
    ]
    for (_, made), live in zip(stale, _read(reader, [ref for ref, _ in stale]), strict=True):
        if live is not None and live["metadata"]["uid"] == made and _controlled_by(live, uid):
            yield removal(live)
