"""``eco2 resume``: the end of `eco2 pause`."""

import click

from eco2_operator.cli.cluster import Reader
from eco2_operator.cli.errors import DIFFERS
from eco2_operator.cli.lifecycle.target import mark, title
from eco2_operator.cli.options import Target, cluster_options
from eco2_operator.cli.status.read import find
from eco2_operator.naming import SUSPEND_ANNOTATION


@click.command("resume")
@click.argument("name")
@cluster_options
def command(target: Target, name: str) -> None:
    """Have the operator look after a paused domain again.

    Removes the annotation eco2.growbin.app/suspend from the EcoDomain NAME. Exit code 1 when its spec.suspend still
    suspends it: that is for its file to say.
    """
    with Reader.connect(target) as reader:
        domain = find(reader, name, namespace=target.namespace)
        paused = SUSPEND_ANNOTATION in (domain["metadata"].get("annotations") or {})
        if paused:
            mark(reader, domain, SUSPEND_ANNOTATION, None)
    done = "the annotation is gone" if paused else "it was not paused"
    if domain["spec"].get("suspend"):
        click.echo(
            f"{title(domain)}: {done}, but spec.suspend still suspends it: remove that from its file and apply it"
        )
        raise SystemExit(DIFFERS)
    click.echo(f"{title(domain)}: {done}; the operator looks after it")
