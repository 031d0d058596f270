"""Summaries and trees on the terminal."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from eco2_operator.cli.console import table
from eco2_operator.cli.status.summary import Summary, age
from eco2_operator.cli.status.tree import Branch

_STYLES: Final = {"True": "green", "False": "red"}


def show_table(console: Console, rows: Sequence[Summary], *, now: datetime) -> None:
    """The table, and beneath it what the ones that are not ready say."""
    console.print(_table(rows, now))
    troubled = [row for row in rows if not row.is_ready]
    for row in troubled:
        console.print()
        console.print(_trouble(row))
    if any(row.pods in ("simulated", "mixed") for row in rows):
        console.print()
        console.print(Text("simulated: the pods exist in the API only; no program runs in them.", style="dim"))


def _table(rows: Sequence[Summary], now: datetime) -> Table:
    with_pods = any(row.pods not in ("", "real") for row in rows)
    columns = ["Namespace", "Name", "Ready", "Reason", "Replicas", "NodePort", "Image", "Age"]
    made = table(*columns, *(["Pods"] if with_pods else []))
    for row in rows:
        cells: list[str | Text] = [
            row.namespace,
            row.name,
            Text(row.ready, style=_STYLES.get(row.ready, "yellow")),
            row.reason,
            f"{row.replicas_ready}/{row.replicas_wanted}",
            str(row.node_port or "-"),
            short_image(row.image),
            age(row.created_at, now),
        ]
        made.add_row(*cells, *([row.pods or "-"] if with_pods else []))
    return made


def _trouble(row: Summary) -> RenderableType:
    title = Text.assemble((f"{row.namespace}/{row.name}", "bold"), f"  {row.reason}")
    # Messages list several causes with "; ": one a line is easier to read.
    lines = [Padding(Text(part), (0, 0, 0, 2)) for part in row.message.split("; ") if part]
    return Group(title, *lines)


def short_image(image: str) -> str:
    """The last part of an image's name: enough to tell tags apart, and a digest cut as everybody cuts it."""
    name, at, digest = image.rpartition("/")[2].partition("@")
    return f"{name}{at}{digest[:19]}"


def show_tree(console: Console, root: Branch) -> None:
    """A tree of objects."""
    console.print(_tree(root, None))


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
