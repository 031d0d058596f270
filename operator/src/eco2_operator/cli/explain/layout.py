"""The answer on the terminal, and as data."""

from rich.text import Text
from rich.tree import Tree

from eco2_operator.cli.console import show
from eco2_operator.cli.explain.verdict import Step, Verdict, Way
from eco2_operator.naming import Manifest


def as_data(source: str, target: str, verdict: Verdict) -> Manifest:
    """For ``-o json`` and ``-o yaml``."""
    ways = [way.as_data() for way in verdict.ways]
    return {"from": source, "to": target, "allowed": verdict.allowed, "ways": ways}


def show_verdict(source: str, target: str, verdict: Verdict) -> None:
    """A tree: the answer, the ways, the gates of each, and what to do."""
    root = Tree(_line(verdict.allowed, f"{source} -> {target}", _word(verdict.allowed)))
    for way in verdict.ways:
        branch = root.add(_line(way.allowed, way.title, "" if len(verdict.ways) == 1 else _word(way.allowed)))
        for step in way.steps:
            _add(branch, way, step)
    show(root)


def _add(branch: Tree, way: Way, step: Step) -> None:
    by = f" ({', '.join(step.objects)})" if step.objects else ""
    node = branch.add(_line(step.allowed, step.gate, f"{step.text}{by}"))
    for note in step.notes:
        node.add(Text(note, style="dim"))
    if step.todo:
        node.add(Text(f"-> {step.todo}", style="bold"))


def _word(allowed: bool) -> str:
    return "allowed" if allowed else "denied"


def _line(allowed: bool, title: str, text: str) -> Text:
    mark = ("✓ ", "green") if allowed else ("✗ ", "red")
    return Text.assemble(mark, (title, "bold"), f"  {text}" if text else "")
