"""What `eco2 diff` reads and plans: the operator's own steps, on a cache filled by lists instead of watches."""

from collections.abc import Iterator
from dataclasses import replace

from eco2_operator.build import hashes
from eco2_operator.build.migration import migration_hash
from eco2_operator.build.pod_template import pod_template
from eco2_operator.build.references import references
from eco2_operator.cache import Cache
from eco2_operator.cli.cluster import Reader
from eco2_operator.cli.configuration import load_settings
from eco2_operator.cli.diffs import entrances
from eco2_operator.cli.diffs.children import Found, differences, left_alone, owner_of, removals
from eco2_operator.cli.diffs.surroundings import merged
from eco2_operator.cli.errors import note
from eco2_operator.cli.offline import fetched
from eco2_operator.cli.resources import Given, Resources
from eco2_operator.gather import domain_context
from eco2_operator.holders import Owner, is_ours
from eco2_operator.kinds import DEPLOYMENT, EXTERNAL_SECRET, SERVICE
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import Resource, parse
from eco2_operator.model.secret import EcoSecretBindingSpec
from eco2_operator.naming import SECRETS_ANNOTATION, Manifest, Ref, child_name
from eco2_operator.plan import plan_domain


def changes(reader: Reader, resources: Resources) -> Iterator[Found]:
    """What applying the files would change, in their order, and what others have added to the children."""
    around = merged(reader, resources)
    for given in resources.given:
        if isinstance(given.resource.spec, EcoDomainSpec):
            yield from _domain(reader, around.cache, given, around.made[given.key])
        elif isinstance(given.resource.spec, EcoSecretBindingSpec):
            yield from _binding(reader, around.cache, given, around.made[given.key])
    if resources.entrances:
        yield from entrances.changes(reader, resources, around)


def _domain(reader: Reader, cache: Cache, given: Given, manifest: Manifest) -> Iterator[Found]:
    domain = parse(manifest, EcoDomainSpec)
    if left_alone(given, domain.suspended):
        return
    _read_own(reader, cache, domain)
    ctx = replace(domain_context(domain, cache, load_settings().cluster), secrets=_live_hashes(domain, cache))
    plan = plan_domain(domain, ctx)
    for refused in plan.refused:
        note(f"note: {given.source}: {given.subject}: {refused}")
    _note_migration(given, domain, manifest)
    wanted = plan.by_ref()
    yield from differences(reader, wanted, owner_of(manifest))
    yield from removals(reader, manifest, wanted, owner_of(manifest))


def _binding(reader: Reader, cache: Cache, given: Given, manifest: Manifest) -> Iterator[Found]:
    """The ExternalSecret of a binding. Values are compared by nobody but the operator."""
    binding = parse(manifest, EcoSecretBindingSpec)
    if left_alone(given, binding.suspended):
        return
    place = (EXTERNAL_SECRET, binding.namespace, child_name(binding.name))
    live = reader.get(*place) if EXTERNAL_SECRET.name in cache.served else None
    child = fetched(binding, cache.served, live)
    wanted = {} if child is None else {Ref.of(child): child}
    yield from differences(reader, wanted, owner_of(manifest))
    yield from removals(reader, manifest, wanted, owner_of(manifest))


def _read_own(reader: Reader, cache: Cache, domain: Resource[EcoDomainSpec]) -> None:
    """The live children that have a say in the plan: node ports, replicas and hashes of Secrets are kept."""
    name = child_name(domain.name)
    for live in reader.get_many((kind, domain.namespace, name) for kind in (SERVICE, DEPLOYMENT)):
        if live is not None and is_ours(live, Owner(domain.key, domain.uid)):
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
