"""``eco2 pause``: have the operator leave a domain alone."""

import click

from eco2_operator.cli.cluster import Reader
from eco2_operator.cli.lifecycle.target import mark, title
from eco2_operator.cli.options import Target, cluster_options
from eco2_operator.cli.status.read import find
from eco2_operator.naming import SUSPEND_ANNOTATION


@click.command("pause")
@click.argument("name")
@cluster_options
def command(target: Target, name: str) -> None:
    """Have the operator leave a domain alone.

    Sets the annotation eco2.growbin.app/suspend on the EcoDomain NAME: until `eco2 resume` nothing is applied,
    repaired or removed. Its pods go on serving.
    """
    with Reader.connect(target) as reader:
        domain = find(reader, name, namespace=target.namespace)
        mark(reader, domain, SUSPEND_ANNOTATION, "true")
    namespace = domain["metadata"]["namespace"]
    also = " (spec.suspend does so too)" if domain["spec"].get("suspend") else ""
    click.echo(
        f"{title(domain)} is suspended{also}: its objects stay as they are until `eco2 resume {name} -n {namespace}`"
    )
