"""``eco2 diff``: what applying these files would change in the cluster."""

from collections.abc import Sequence

import click
from rich.text import Text

from eco2_operator.cli import documents
from eco2_operator.cli.cluster import Reader
from eco2_operator.cli.console import show
from eco2_operator.cli.diffs.change import Change
from eco2_operator.cli.diffs.read import Conflict, changes
from eco2_operator.cli.errors import DIFFERS, DONE, note
from eco2_operator.cli.faults import InvalidInput
from eco2_operator.cli.options import Target, cluster_options, file_option, output_option
from eco2_operator.cli.output import emit
from eco2_operator.cli.resources import collect

_STYLES = {"---": "bold", "+++": "bold", "@@": "cyan", "-": "red", "+": "green"}


@click.command("diff")
@file_option
@output_option("diff", "json", "yaml")
@cluster_options
def command(target: Target, files: tuple[str, ...], output: str) -> None:
    """Show what applying files would change in the cluster.

    For each EcoDomain the objects the operator would create, change or delete; fields that others own are not shown,
    and nothing is written. Exit code 0 when nothing differs, 1 when something does, 2 when a file has a fault or the
    cluster cannot be asked.
    """
    found, faults = documents.read(files)
    if faults:
        raise InvalidInput([*faults, *collect(found, namespace=target.namespace or "default").faults])
    with Reader.connect(target) as reader:
        resources = collect(found, namespace=reader.namespace)
        if resources.faults:
            raise InvalidInput(resources.faults)
        results = list(changes(reader, resources))
    for other in resources.others:
        note(f"note: {other.source}: {other.subject}: this version makes no children for it")
    _show([each for each in results if isinstance(each, Change)], output)
    for each in results:
        if isinstance(each, Conflict):
            note(f"conflict: {each.message}")
    raise SystemExit(DIFFERS if results else DONE)


def _show(found: Sequence[Change], output: str) -> None:
    if output != "diff":
        emit([change.as_data() for change in found], output)
        return
    show(*(_styled(line) for change in found for line in change.lines()), wrap=False)


def _styled(line: str) -> Text:
    return Text(line, style=next((style for start, style in _STYLES.items() if line.startswith(start)), ""))
