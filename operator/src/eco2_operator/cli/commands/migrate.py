"""``eco2 migrate``: run a migration again."""

import click

from eco2_operator.build.migration import migration_hash
from eco2_operator.cli.cluster import Reader
from eco2_operator.cli.errors import CliError, note
from eco2_operator.cli.lifecycle.follow import follow
from eco2_operator.cli.lifecycle.options import seconds_to_wait, wait_options
from eco2_operator.cli.lifecycle.progress import Progress, of_migration
from eco2_operator.cli.lifecycle.target import mark, now, parsed, title
from eco2_operator.cli.options import Target, cluster_options
from eco2_operator.cli.status.read import find
from eco2_operator.kinds import ECO_DOMAIN
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import Resource
from eco2_operator.naming import RERUN_ANNOTATION, Manifest


@click.command("migrate")
@click.argument("name")
@wait_options
@cluster_options
def command(target: Target, name: str, wait: bool, timeout: float | None) -> None:
    """Run a domain's migration again, after a failed one for example.

    Sets the annotation eco2.growbin.app/rerun-migration on the EcoDomain NAME to the present time; one that has
    succeeded runs again too. With --wait exit code 1 when it fails or takes too long.
    """
    with Reader.connect(target) as reader:
        found = find(reader, name, namespace=target.namespace)
        domain = parsed(found)
        if domain.spec.migrations is None:
            raise CliError(f"{title(found)} declares no migration: there is nothing to run (spec.migrations)")
        finished = _finished(found, domain)
        marked = mark(reader, found, RERUN_ANNOTATION, now())
        click.echo(f"{title(found)}: its migration runs again; new pods wait for it")
        if finished:
            note(f"note: it had succeeded at {finished}, and would not have run again by itself")
        if domain.suspended:
            note(f"note: it is suspended: nothing happens before `eco2 resume {name} -n {domain.namespace}`")
        if wait:
            seconds = seconds_to_wait(timeout, domain.spec, 0)
            raise SystemExit(follow(lambda: _look(reader, marked), seconds=seconds))


def _finished(found: Manifest, domain: Resource[EcoDomainSpec]) -> str:
    """When the migration of the present spec has succeeded, if it has."""
    record = (found.get("status") or {}).get("migration") or {}
    digest = migration_hash(domain)
    return next((str(e["finishedAt"]) for e in record.get("succeeded") or () if e["hash"] == digest), "")


def _look(reader: Reader, domain: Manifest) -> Progress:
    live = reader.get(ECO_DOMAIN, domain["metadata"]["namespace"], domain["metadata"]["name"])
    return of_migration(live) if live is not None else Progress("failed", "the EcoDomain is gone")
