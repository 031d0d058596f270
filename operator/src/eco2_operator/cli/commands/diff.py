"""``eco2 diff``: what applying these files would change in the cluster."""

import json
from collections.abc import Sequence

import click
from rich.table import Table
from rich.text import Text

from eco2_operator.cli import documents
from eco2_operator.cli.cluster import Reader
from eco2_operator.cli.console import show, table
from eco2_operator.cli.diffs.change import Change
from eco2_operator.cli.diffs.children import Conflict
from eco2_operator.cli.diffs.foreign import Addition
from eco2_operator.cli.diffs.read import changes
from eco2_operator.cli.diffs.styles import styled
from eco2_operator.cli.documents import Document
from eco2_operator.cli.errors import DIFFERS, DONE, note
from eco2_operator.cli.faults import InvalidInput
from eco2_operator.cli.options import Target, cluster_options, file_option, output_option
from eco2_operator.cli.output import emit
from eco2_operator.cli.resources import collect
from eco2_operator.kinds import ECO_DOMAIN, ECO_INGRESS

LONGEST = 60
"""Characters of a value in the table; -o json has all."""


@click.command("diff")
@file_option(required=False)
@click.option(
    "--foreign",
    is_flag=True,
    help="List too what others have added to the objects; without -f of every EcoDomain and EcoIngress here.",
)
@output_option("diff", "json", "yaml")
@cluster_options
def command(target: Target, files: tuple[str, ...], foreign: bool, output: str) -> None:
    """Show what applying files would change in the cluster.

    For each of our resources the objects the operator would create, change or delete; nothing is written. Of an
    EcoIngress also what all that use its gateway share. Fields that others own count for nothing; --foreign lists them.
    Exit code 0 when nothing differs, 1 when something does, 2 when a file has a fault or the cluster cannot be asked.
    """
    if not files and not foreign:
        raise click.UsageError("Missing option '-f' / '--filename'.")
    found, faults = documents.read(files)
    if faults:
        raise InvalidInput([*faults, *collect(found, namespace=target.namespace or "default").faults])
    with Reader.connect(target) as reader:
        if not files:
            mine = (obj for kind in (ECO_DOMAIN, ECO_INGRESS) for obj in reader.objects(kind, reader.namespace))
            found = [Document("cluster", obj) for obj in mine]
        resources = collect(found, namespace=reader.namespace)
        if resources.faults:
            raise InvalidInput(resources.faults)
        results = list(changes(reader, resources))
    changed = [each for each in results if isinstance(each, Change)]
    conflicts = [each for each in results if isinstance(each, Conflict)]
    _show(changed, [each for each in results if isinstance(each, Addition)] if foreign else None, output)
    for each in conflicts:
        note(f"conflict: {each.message}")
    raise SystemExit(DIFFERS if changed or conflicts else DONE)


def _show(changed: Sequence[Change], added: Sequence[Addition] | None, output: str) -> None:
    """Args: added: None when nobody asked."""
    if output != "diff":
        data = [change.as_data() for change in changed]
        emit(data if added is None else {"changes": data, "foreign": [each.as_data() for each in added]}, output)
        return
    show(*(styled(line) for change in changed for line in change.lines()), wrap=False)
    if added:
        show(_table(added))
    elif added is not None:
        note("nobody has added anything")


def _table(added: Sequence[Addition]) -> Table:
    made = table("Object", "Field of others", "Value", "Manager")
    for each in added:
        text = each.value if isinstance(each.value, str) else json.dumps(each.value, ensure_ascii=False)
        short = text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
        made.add_row(*map(Text, (str(each.ref), each.path, short, each.manager)))
    return made
