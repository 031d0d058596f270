"""What the operator would make of files, without a cluster: the files are all the cluster there is. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from eco2_operator.build import external_secret, migration
from eco2_operator.build.context import OPTIONAL_NAMES, Domain
from eco2_operator.build.secret_context import Binding, SecretContext, backend
from eco2_operator.cache import Cache
from eco2_operator.cli.documents import Document
from eco2_operator.cli.resources import Given
from eco2_operator.kinds import DEPLOYMENT, NAMESPACE
from eco2_operator.naming import Manifest

EVERYWHERE: Final = ("/",)
"""Which parameters a namespace may read is for the operator's settings to say: without it all of them count."""


def cache_of(given: Iterable[Given], found: Iterable[Document], *, without: Collection[str]) -> Cache:
    """A cluster that consists of these files.

    Args:
        given: our resources in them.
        found: everything in them; Namespaces say whether they belong to the mesh.
        without: names of the optional kinds it does not serve.
    """
    cache = Cache()
    cache.served = OPTIONAL_NAMES - set(without)
    for document in found:
        if _is_namespace(document.content):
            cache.put(document.content)
    for one in given:
        cache.put(one.manifest)
    return cache


def _is_namespace(content: Mapping[str, Any]) -> bool:
    if (content.get("apiVersion"), content.get("kind")) != (NAMESPACE.api_version, NAMESPACE.name):
        return False
    metadata = content.get("metadata")
    return isinstance(metadata, dict) and bool(metadata.get("name")) and isinstance(metadata.get("labels", {}), dict)


def with_migration(domain: Domain, children: Iterable[Manifest]) -> list[Manifest]:
    """The children, and the migration's Job where it stands in the order: after all that guards it, before the pods."""
    made = list(children)
    digest, migrations = migration.migration_hash(domain), domain.spec.migrations
    if digest is None or migrations is None:
        return made
    place = next((i for i, child in enumerate(made) if child["kind"] == DEPLOYMENT.name), len(made))
    return [*made[:place], migration.job(domain, migrations, digest), *made[place:]]


def fetched(binding: Binding, served: frozenset[str], live: Manifest | None = None) -> Manifest | None:
    """The ExternalSecret of a binding; None when the operator fetches the values itself."""
    ctx = SecretContext(backend(binding.spec, served), EVERYWHERE, external=live)
    return external_secret.build(binding, ctx)
