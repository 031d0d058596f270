"""``eco2 render``: what the operator would make of these files, without a cluster."""

from collections.abc import Iterable

import click

from eco2_operator.cache import Cache
from eco2_operator.cli import documents
from eco2_operator.cli.configuration import load_settings
from eco2_operator.cli.errors import note
from eco2_operator.cli.faults import InvalidInput
from eco2_operator.cli.options import file_option, output_option
from eco2_operator.cli.output import emit_objects
from eco2_operator.cli.resources import Resources, collect
from eco2_operator.gather import domain_context
from eco2_operator.naming import Manifest
from eco2_operator.plan import plan_domain


@click.command("render")
@file_option
@click.option("-n", "--namespace", default="default", show_default=True, help="Namespace of resources that name none.")
@output_option("yaml", "json")
def command(files: tuple[str, ...], namespace: str, output: str) -> None:
    """Print the objects that would be made, without a cluster.

    Objects of other kinds in the files are passed over. What only a cluster knows is left out: owner references and
    allocated node ports. Exit code 2 when a file has a fault; then nothing is printed but the faults.
    """
    found, faults = documents.read(files)
    resources = collect(found, namespace=namespace)
    resources.faults[:0] = faults
    if resources.faults:
        raise InvalidInput(resources.faults)
    for other in resources.others:
        note(f"note: {other.source}: {other.subject}: valid; this version makes no children for it")
    if not resources.given:
        note("note: no EcoDomain in these files")
    emit_objects(list(_plan(resources)), output)


def _plan(resources: Resources) -> Iterable[Manifest]:
    """The children of every domain; the files together are all the cluster there is."""
    cache = Cache()
    for given in resources.given:
        cache.put(given.manifest)
    cluster = load_settings().cluster
    for given, domain in resources.domains:
        plan = plan_domain(domain, domain_context(domain, cache, cluster))
        if domain.suspended:
            note(f"note: {given.source}: {given.subject}: suspended; the operator leaves its objects as they are")
        for refused in plan.refused:
            note(f"note: {given.source}: {given.subject}: {refused}")
        yield from plan.children
