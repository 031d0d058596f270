"""``eco2 render``: what the operator would make of these files, without a cluster."""

from collections.abc import Iterable, Iterator

import click

from eco2_operator.build.context import Domain
from eco2_operator.cache import Cache
from eco2_operator.cli import documents
from eco2_operator.cli.configuration import load_settings
from eco2_operator.cli.entrances import gateways
from eco2_operator.cli.entrances.view import Views
from eco2_operator.cli.errors import note
from eco2_operator.cli.faults import InvalidInput
from eco2_operator.cli.offline import cache_of, fetched, with_migration
from eco2_operator.cli.options import file_option, output_option
from eco2_operator.cli.output import emit_objects
from eco2_operator.cli.resources import Given, Resources, collect
from eco2_operator.gather import domain_context
from eco2_operator.kinds import OPTIONAL
from eco2_operator.naming import GROUP, Manifest
from eco2_operator.plan import plan_domain, plan_entrance


@click.command("render")
@file_option()
@click.option("-n", "--namespace", default="default", show_default=True, help="Namespace of resources that name none.")
@click.option(
    "--without",
    multiple=True,
    metavar="KIND",
    type=click.Choice([kind.name for kind in OPTIONAL]),
    help=f"A kind the cluster lacks ({', '.join(kind.name for kind in OPTIONAL)}); may be given several times.",
)
@output_option("yaml", "json")
def command(files: tuple[str, ...], namespace: str, without: tuple[str, ...], output: str) -> None:
    """Print the objects that would be made, without a cluster.

    Objects of other kinds in the files are passed over, but Namespaces say whether their pods are in the mesh. Routes
    of EcoIngresses lead to the EcoDomains in the files, and a gateway lets all of them in. What only a cluster knows
    is left out: owner references, allocated node ports, and everything about the values of Secrets; ids are made of
    names. Exit code 2 when a file has a fault; then nothing is printed but the faults.
    """
    found, faults = documents.read(files)
    resources = collect(found, namespace=namespace)
    resources.faults[:0] = faults
    if resources.faults:
        raise InvalidInput(resources.faults)
    if not resources.given:
        note(f"note: no resource of {GROUP} in these files")
    cache = cache_of(resources.given, found, without=without)
    children = [*_secrets(resources, cache), *_domains(resources, cache), *_entrances(resources, cache)]
    emit_objects(children, output)


def _secrets(resources: Resources, cache: Cache) -> Iterator[Manifest]:
    """What fetches the values; the values themselves are in no file."""
    for given, binding in resources.bindings:
        if binding.suspended:
            _note_suspended(given)
        child = fetched(binding, cache.served)
        if child is not None:
            yield child
        else:
            note(f"note: {given.source}: {given.subject}: the operator itself reads the values: nothing to print")


def _domains(resources: Resources, cache: Cache) -> Iterator[Manifest]:
    for given, domain in resources.domains:
        yield from _children(given, domain, cache)


def _children(given: Given, domain: Domain, cache: Cache) -> Iterable[Manifest]:
    plan = plan_domain(domain, domain_context(domain, cache, load_settings().cluster))
    if domain.suspended:
        _note_suspended(given)
    for refused in plan.refused:
        note(f"note: {given.source}: {given.subject}: {refused}")
    return with_migration(domain, plan.children)


def _entrances(resources: Resources, cache: Cache) -> Iterator[Manifest]:
    """In apply order: what guards the entrances, what they share at their gateway, and only then what lets in."""
    settings = load_settings()
    views = Views(cache, settings)
    found = [(given, views.of(given.key)) for given, _ in resources.entrances]
    for given, view in found:
        if view.entrance.suspended:
            _note_suspended(given)
        for remark in view.remarks():
            note(f"note: {given.source}: {given.subject}: {remark}")
    plans = [plan_entrance(view.entrance, view.ctx) for _, view in found]
    for plan in plans:
        yield from plan.guards.children
    for scope, users in gateways.by_gateway(view for _, view in found).items():
        yield from gateways.plan(scope, users, settings.cluster).children
    for plan in plans:
        yield from plan.load_balancer.children
        yield from plan.routes.children


def _note_suspended(given: Given) -> None:
    note(f"note: {given.source}: {given.subject}: suspended; the operator leaves its objects as they are")
