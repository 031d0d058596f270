"""``eco2 restart``: replace a domain's pods."""

import click

from eco2_operator.cli.cluster import Reader
from eco2_operator.cli.errors import note
from eco2_operator.cli.lifecycle.follow import follow
from eco2_operator.cli.lifecycle.options import seconds_to_wait, wait_options
from eco2_operator.cli.lifecycle.progress import Progress, of_restart
from eco2_operator.cli.lifecycle.target import mark, now, parsed, title
from eco2_operator.cli.options import Target, cluster_options
from eco2_operator.cli.status.read import find
from eco2_operator.kinds import DEPLOYMENT, ECO_DOMAIN
from eco2_operator.model.rollout import Rollout
from eco2_operator.naming import RESTART_ANNOTATION, Manifest, child_name


@click.command("restart")
@click.argument("name")
@wait_options
@cluster_options
def command(target: Target, name: str, wait: bool, timeout: float | None) -> None:
    """Replace a domain's pods by new ones of the same version.

    Sets the annotation eco2.growbin.app/restart on the EcoDomain NAME to the present time: a rolling update, after
    the migration, if the domain has one, has run once more. With --wait exit code 1 when it fails or takes too long.
    """
    with Reader.connect(target) as reader:
        found = find(reader, name, namespace=target.namespace)
        domain = parsed(found)
        marked = mark(reader, found, RESTART_ANNOTATION, now())
        click.echo(f"{title(found)}: its pods are replaced one after the other")
        if domain.spec.migrations is not None:
            note("note: its migration runs first")
        if domain.suspended:
            note(f"note: it is suspended: nothing happens before `eco2 resume {name} -n {domain.namespace}`")
        if not wait:
            return
        rollout = domain.spec.rollout or Rollout()
        seconds = seconds_to_wait(timeout, domain.spec, rollout.progress_deadline_seconds)
        raise SystemExit(follow(lambda: _look(reader, marked), seconds=seconds))


def _look(reader: Reader, domain: Manifest) -> Progress:
    namespace, name = domain["metadata"]["namespace"], domain["metadata"]["name"]
    live, deployment = reader.get_many(
        [(ECO_DOMAIN, namespace, name), (DEPLOYMENT, namespace, child_name(name))],
    )
    return of_restart(live, deployment) if live is not None else Progress("failed", "the EcoDomain is gone")
