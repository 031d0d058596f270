"""What `eco2 diff` reads and plans: the operator's own steps, on a cache filled by lists instead of watches."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from eco2_operator.build import hashes
from eco2_operator.build.migration import migration_hash
from eco2_operator.build.pod_template import pod_template
from eco2_operator.build.references import references
from eco2_operator.cache import Cache
from eco2_operator.cli.cluster import Reader
from eco2_operator.cli.configuration import load_settings
from eco2_operator.cli.diffs.change import Change, compare, removal
from eco2_operator.cli.diffs.foreign import Addition, additions
from eco2_operator.cli.diffs.surroundings import merged
from eco2_operator.cli.errors import note
from eco2_operator.cli.offline import fetched
from eco2_operator.cli.resources import Given, Resources
from eco2_operator.gather import domain_context
from eco2_operator.kinds import DEPLOYMENT, EXTERNAL_SECRET, KEPT, SERVICE, by_name
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import Resource, parse
from eco2_operator.model.secret import EcoSecretBindingSpec
from eco2_operator.naming import SECRETS_ANNOTATION, Manifest, Ref, child_name, controller_of
from eco2_operator.plan import plan_domain


@dataclass(frozen=True, slots=True)
class Conflict:
    """A child that cannot be made, because somebody else's object has its name."""

    ref: Ref
    message: str


Found = Change | Conflict | Addition


def changes(reader: Reader, resources: Resources) -> Iterator[Found]:
    """What applying the files would change, in their order, and what others have added to the children."""
    made, cache = merged(reader, resources)
    for given in resources.given:
        if isinstance(given.resource.spec, EcoDomainSpec):
            yield from _domain(reader, cache, given, made[given.key])
        elif isinstance(given.resource.spec, EcoSecretBindingSpec):
            yield from _binding(reader, cache, given, made[given.key])


def _domain(reader: Reader, cache: Cache, given: Given, manifest: Manifest) -> Iterator[Found]:
    domain = parse(manifest, EcoDomainSpec)
    if _left_alone(given, domain.suspended):
        return
    _read_own(reader, cache, domain)
    ctx = replace(domain_context(domain, cache, load_settings().cluster), secrets=_live_hashes(domain, cache))
    plan = plan_domain(domain, ctx)
    for refused in plan.refused:
        note(f"note: {given.source}: {given.subject}: {refused}")
    _note_migration(given, domain, manifest)
    wanted = plan.by_ref()
    yield from _compare(reader, wanted, domain.uid)
    yield from _removals(reader, manifest, set(wanted), domain.uid)


def _binding(reader: Reader, cache: Cache, given: Given, manifest: Manifest) -> Iterator[Found]:
    """The ExternalSecret of a binding. Values are compared by nobody but the operator."""
    binding = parse(manifest, EcoSecretBindingSpec)
    if _left_alone(given, binding.suspended):
        return
    place = (EXTERNAL_SECRET, binding.namespace, child_name(binding.name))
    live = reader.get(*place) if EXTERNAL_SECRET.name in cache.served else None
    child = fetched(binding, cache.served, live)
    wanted = {} if child is None else {Ref.of(child): child}
    yield from _compare(reader, wanted, binding.uid)
    yield from _removals(reader, manifest, set(wanted), binding.uid)


def _left_alone(given: Given, suspended: bool) -> bool:
    if suspended:
        note(f"note: {given.source}: {given.subject}: suspended; the operator changes nothing")
    return suspended


def _compare(reader: Reader, wanted: Mapping[Ref, Manifest], uid: str) -> Iterator[Found]:
    for desired, live in zip(wanted.values(), _read(reader, wanted), strict=True):
        if live is not None and not _controlled_by(live, uid):
            yield _conflict(Ref.of(desired), live)
            continue
        if (change := compare(desired, live)) is not None:
            yield change
        yield from additions(live) if live is not None else ()


def _read_own(reader: Reader, cache: Cache, domain: Resource[EcoDomainSpec]) -> None:
    """The live children that have a say in the plan: node ports, replicas and hashes of Secrets are kept."""
    name = child_name(domain.name)
    for live in reader.get_many((kind, domain.namespace, name) for kind in (SERVICE, DEPLOYMENT)):
        if live is not None and _controlled_by(live, domain.uid):
            cache.put(live)


def _live_hashes(domain: Resource[EcoDomainSpec], cache: Cache) -> dict[str, str]:
    """Hashes of the Secrets the pods read, as they are: only the operator knows how to make them."""
    live = cache.get(Ref(DEPLOYMENT.group, DEPLOYMENT.name, domain.namespace, child_name(domain.name))) or {}
    annotations = live.get("spec", {}).get("template", {}).get("metadata", {}).get("annotations") or {}
    read = {reference.name for reference in references(pod_template(domain, {})["spec"])}
    return {name: each for name, each in hashes.load(annotations.get(SECRETS_ANNOTATION, "")).items() if name in read}


def _note_migration(given: Given, domain: Resource[EcoDomainSpec], manifest: Manifest) -> None:
    digest = migration_hash(domain)
    done = ((manifest.get("status") or {}).get("migration") or {}).get("succeeded") or ()
    if digest is not None and all(entry["hash"] != digest for entry in done):
        note(f"note: {given.source}: {given.subject}: migration {digest[:8]} would run before its pods change")


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
        and by_name(ref.group, ref.kind) not in (None, *KEPT)
    ]
    for (_, made), live in zip(stale, _read(reader, [ref for ref, _ in stale]), strict=True):
        if live is not None and live["metadata"]["uid"] == made and _controlled_by(live, uid):
            yield removal(live)
