"""``eco2 doctor``: what the cluster lacks."""

from collections.abc import Sequence
from typing import Final

import click
from rich.table import Table
from rich.text import Text

from eco2_operator.cli.cluster import Reader
from eco2_operator.cli.console import show, table
from eco2_operator.cli.doctor.examine import examine
from eco2_operator.cli.doctor.finding import Finding, State
from eco2_operator.cli.errors import DIFFERS, DONE, note
from eco2_operator.cli.options import Target, cluster_options, output_option
from eco2_operator.cli.output import emit

_STYLES: Final = {State.OK: "green", State.MISSING: "red", State.OPTIONAL: "yellow"}


@click.command("doctor")
@output_option("table", "json", "yaml")
@cluster_options
def command(target: Target, output: str) -> None:
    """Say what the cluster lacks.

    Looks at the API server, the CRDs, the permissions of the present user, optional APIs, the namespaces, nodes and
    node ports that EcoDomains count on, and the kinds, gateways and certificates that EcoIngresses do. It reads,
    and asks for access reviews; it changes nothing. Exit code 0 when nothing required is missing, 1 when something is,
    2 when the cluster cannot be asked.
    """
    with Reader.connect(target) as reader:
        findings = list(examine(reader))
    if output == "table":
        show(_table(findings))
    else:
        emit([finding.as_data() for finding in findings], output)
    lacking = sum(finding.state is State.MISSING for finding in findings)
    if lacking:
        note(f"{lacking} required {'thing is' if lacking == 1 else 'things are'} missing")
    raise SystemExit(DIFFERS if lacking else DONE)


def _table(findings: Sequence[Finding]) -> Table:
    made = table("State", "Check", "Found, and what to do")
    made.columns[0].no_wrap = made.columns[1].no_wrap = True
    for finding in findings:
        todo = ("\n-> " + finding.todo, "bold") if finding.todo else ""
        made.add_row(
            Text(finding.state, style=_STYLES[finding.state]), finding.check, Text.assemble(finding.detail, todo)
        )
    return made
