"""Summaries and trees on the terminal."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from eco2_operator.cli.console import show, table, width
from eco2_operator.cli.status.bindings import BindingSummary
from eco2_operator.cli.status.entrances import EntranceSummary
from eco2_operator.cli.status.summary import Summary, age
from eco2_operator.cli.status.tree import Branch

_STYLES: Final = {"True": "green", "False": "red", "Unknown": "yellow"}


def show_table(rows: Sequence[Summary], *, now: datetime) -> None:
    """The table, and beneath it what the ones that are not ready say."""
    parts: list[RenderableType] = [_table(rows, now)]
    for row in rows:
        if not row.is_ready:
            parts += ["", _trouble(row)]
    if any(row.pods in ("simulated", "mixed") for row in rows):
        parts += ["", Text("simulated: the pods exist in the API only; no program runs in them.", style="dim")]
    show(*parts)


def show_bindings(rows: Sequence[BindingSummary], *, now: datetime) -> None:
    """A table of EcoSecretBindings, and beneath it what the ones that are not synced say."""
    made = table("Namespace", "SecretBinding", "Synced", "Reason", "Keys", "Age")
    for column in made.columns:
        column.no_wrap = True
    parts: list[RenderableType] = ["", made]
    for row in rows:
        keys = f"{row.present}/{len(row.keys)}"
        cells = (row.namespace, row.name, row.synced, row.reason, keys, age(row.created_at, now))
        made.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in cells))
        if not row.is_synced:
            parts += ["", _trouble(row)]
    show(*parts)


def show_entrances(rows: Sequence[EntranceSummary], *, now: datetime) -> None:
    """A table of EcoIngresses, and beneath it what the ones that are not ready say."""
    made = table("Namespace", "Ingress", "Ready", "Reason", "Routes", "Hosts", "Age")
    parts: list[RenderableType] = [made]
    for row in rows:
        routes = f"{row.answering}/{len(row.routes)}"
        hosts = ", ".join(row.hosts)
        cells = (row.namespace, row.name, row.ready, row.reason, routes, hosts, age(row.created_at, now))
        made.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in cells))
        if not row.is_ready:
            parts += ["", _trouble(row)]
    for column in made.columns:
        column.no_wrap = column.header != "Hosts"
    show(*parts)


def _table(rows: Sequence[Summary], now: datetime) -> Table:
    columns = {
        "Namespace": [row.namespace for row in rows],
        "Name": [row.name for row in rows],
        "Ready": [row.ready for row in rows],
        "Reason": [row.reason for row in rows],
        "Replicas": [f"{row.replicas_ready}/{row.replicas_wanted}" for row in rows],
        "NodePort": [str(row.node_port or "-") for row in rows],
        "Image": [short_image(row.image) for row in rows],
        "Age": [age(row.created_at, now) for row in rows],
    }
    if any(row.pods not in ("", "real") for row in rows):
        columns["Pods"] = [row.pods or "-" for row in rows]
    # What a narrow terminal can do without: the tag is mostly the branch's, and a line below tells of simulated pods.
    for spare in ("Image", "Pods"):
        if sum(max(map(len, (name, *cells))) + 2 for name, cells in columns.items()) > width():
            columns.pop(spare, None)
    made = table(*columns)
    for column in made.columns:
        column.no_wrap = True
    for cells in zip(*columns.values(), strict=True):
        made.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in cells))
    return made


def _trouble(row: Summary | BindingSummary | EntranceSummary) -> RenderableType:
    title = Text.assemble((f"{row.namespace}/{row.name}", "bold"), f"  {row.reason}")
    # Messages list several causes with "; ": one a line is easier to read.
    lines = [Padding(Text(part), (0, 0, 0, 2)) for part in row.message.split("; ") if part]
    return Group(title, *lines)


def short_image(image: str) -> str:
    """The last part of an image's name: enough to tell tags apart, and a digest cut as everybody cuts it."""
    name, at, digest = image.rpartition("/")[2].partition("@")
    return f"{name}{at}{digest[:19]}"


def show_tree(root: Branch) -> None:
    """A tree of objects."""
    show("", _tree(root, None))


def _tree(branch: Branch, above: Tree | None) -> Tree:
    where = f"{branch.namespace}/{branch.name}" if above is None else branch.name
    label = Text.assemble(
        ("✓ " if branch.well else "✗ ", "green" if branch.well else "red"),
        f"{branch.kind} ",
        (where, "bold"),
        f"  {branch.state}" if branch.state else "",
    )
    node = Tree(label) if above is None else above.add(label)
    for part in branch.error.split("; "):
        if part:
            node.add(Text(part, style="red"))
    for child in branch.below:
        _tree(child, node)
    return node
