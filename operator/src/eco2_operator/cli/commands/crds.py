"""``eco2 crds``: the CustomResourceDefinitions."""

import click

from eco2_operator.cli.options import output_option
from eco2_operator.cli.output import emit_objects
from eco2_operator.crds import all_crds


@click.command("crds")
@output_option("yaml", "json")
def command(output: str) -> None:
    """Print the CustomResourceDefinitions.

    Install or update them with: eco2 crds | kubectl apply --server-side -f -
    """
    emit_objects(all_crds(), output)
