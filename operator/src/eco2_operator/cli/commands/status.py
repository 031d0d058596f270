"""``eco2 status``: how the domains and entrances are."""

from datetime import UTC, datetime

import click

from eco2_operator.cli.cluster import Reader
from eco2_operator.cli.console import show
from eco2_operator.cli.errors import DIFFERS, DONE, note
from eco2_operator.cli.options import Target, cluster_options, output_option
from eco2_operator.cli.output import emit
from eco2_operator.cli.status.bindings import BindingSummary, summarize_binding
from eco2_operator.cli.status.entrances import EntranceSummary, summarize_entrance
from eco2_operator.cli.status.layout import show_bindings, show_entrances, show_table, show_tree
from eco2_operator.cli.status.read import Surroundings, find, read_entrance, read_tree
from eco2_operator.cli.status.summary import Summary
from eco2_operator.kinds import ECO_DOMAIN, ECO_INGRESS


@click.command("status")
@click.argument("kind", type=click.Choice(["domain", "ingress"]), required=False)
@click.argument("name", required=False)
@click.option("-A", "--all-namespaces", is_flag=True, help="Every namespace.")
@output_option("table", "json", "yaml")
@cluster_options
def command(target: Target, kind: str | None, name: str | None, all_namespaces: bool, output: str) -> None:
    """Show how the domains and entrances are.

    Without arguments the EcoDomains, EcoIngresses and EcoSecretBindings of the namespace, with -A of all namespaces;
    with `domain NAME` one domain with everything below it: secrets, migration, children, pods, last error; with
    `ingress NAME` one entrance: routes, objects, last error. Exit code 0 when all are ready, 1 when some are not, 2
    when the cluster cannot be asked.
    """
    if kind and not name:
        raise click.UsageError(f"name the {kind}: eco2 status {kind} NAME")
    if name and all_namespaces:
        raise click.UsageError("-A goes without a name")
    with Reader.connect(target) as reader:
        if name:
            ready = _one(reader, kind or "", name, target.namespace, output)
        else:
            ready = _many(reader, None if all_namespaces else reader.namespace, output)
    raise SystemExit(DONE if ready else DIFFERS)


def _one(reader: Reader, kind: str, name: str, namespace: str | None, output: str) -> bool:
    summary: Summary | EntranceSummary
    if kind == "ingress":
        summary, root = read_entrance(reader, find(reader, name, namespace=namespace, kind=ECO_INGRESS))
    else:
        summary, root = read_tree(reader, find(reader, name, namespace=namespace))
    if output != "table":
        emit({**summary.as_data(), "tree": root.as_data()}, output)
        return summary.is_ready
    if isinstance(summary, EntranceSummary):
        show_entrances([summary], now=datetime.now(UTC))
    else:
        show_table([summary], now=datetime.now(UTC))
    show_tree(root)
    return summary.is_ready


def _many(reader: Reader, namespace: str | None, output: str) -> bool:
    domains = reader.objects(ECO_DOMAIN, namespace)
    around = Surroundings.read(reader, namespace)
    rows = sorted((around.summary(domain) for domain in domains), key=_place)
    entrances = sorted(map(summarize_entrance, reader.objects(ECO_INGRESS, namespace)), key=_place)
    bindings = sorted(map(summarize_binding, around.bindings), key=_place)
    if output != "table":
        every = (*(row.as_data() for row in rows), *(row.as_data() for row in entrances))
        emit([*every, *(row.as_data() for row in bindings)], output)
    elif rows:
        show_table(rows, now=datetime.now(UTC))
    if not rows:
        note(f"no EcoDomain in namespace {namespace}; -A shows every namespace" if namespace else "no EcoDomain")
    if entrances and output == "table":
        if rows:
            show("")
        show_entrances(entrances, now=datetime.now(UTC))
    if bindings and output == "table":
        show_bindings(bindings, now=datetime.now(UTC))
    ready = all(row.is_ready for row in rows) and all(row.is_ready for row in entrances)
    return ready and all(row.is_synced for row in bindings)


def _place(row: Summary | EntranceSummary | BindingSummary) -> tuple[str, str]:
    return row.namespace, row.name
