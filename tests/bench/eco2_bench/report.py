"""The figures as a table for people, and as JSON."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from eco2_bench.results import MIB, Comparison, Run, quantile


@dataclass(frozen=True)
class Row:
    """One figure of a controller. ``aim``: the largest ratio of eco2 to kro that we want."""

    key: str
    text: str
    value: Callable[[Run, int], float]
    form: str = "{:.1f}"
    aim: float | None = None


ROWS = (
    Row("wall", "all children exist, s", lambda run, _: run.children, aim=0.55),
    Row("done", "all Ready / ACTIVE, s", lambda run, _: run.done),
    Row("cpu", "CPU until at rest, s", lambda run, _: run.creation.cpu, "{:.2f}", aim=0.7),
    Row("peak_rss", "peak RSS, MiB", lambda run, _: run.peak_rss / MIB, aim=1.0),
    Row("rest_rss", "RSS at rest, MiB", lambda run, _: run.rest_rss / MIB),
    Row("requests", "API requests per application", lambda run, n: run.creation.requests.total / n, aim=0.3),
    Row("writes", "  of these writes", lambda run, n: run.creation.requests.writes / n),
    Row("per_child", "API requests per child", lambda run, _: run.creation.requests.total / run.made, "{:.2f}"),
    Row("edit_p50", "edit to child p50, ms", lambda run, _: quantile(run.edits, 0.5) * 1000, "{:.0f}", aim=0.4),
    Row("edit_p99", "edit to child p99, ms", lambda run, _: quantile(run.edits, 0.99) * 1000, "{:.0f}"),
    Row("edit_requests", "API requests per edit", lambda run, _: run.editing.requests.total / len(run.edits)),
    Row("edit_cpu", "CPU per edit, ms", lambda run, _: run.editing.cpu / len(run.edits) * 1000),
    Row("idle_requests", "idle: API requests", lambda run, _: run.idle.requests.total, "{:.0f}"),
    Row("idle_writes", "idle: writes", lambda run, _: run.idle.requests.writes, "{:.0f}"),
    Row("idle_cpu", "idle: CPU per minute, s", lambda run, _: run.idle.cpu / run.idle.seconds * 60, "{:.2f}"),
    Row("start_rss", "RSS with no application, MiB", lambda run, _: run.start_rss / MIB),
    Row("restart", "restart: until at rest, s", lambda run, _: run.restart.seconds),
    Row("restart_cpu", "restart: CPU, s", lambda run, _: run.restart.cpu, "{:.2f}"),
    Row("restart_rss", "restart: RSS, MiB", lambda run, _: run.restart_rss / MIB),
    Row("restart_requests", "restart: API requests", lambda run, _: run.restart.requests.total, "{:.0f}"),
    Row("restart_writes", "restart: writes", lambda run, _: run.restart.requests.writes, "{:.0f}"),
    Row("made", "children made", lambda run, _: run.made, "{:.0f}"),
    Row("spec_bytes", "bytes of spec per application", lambda run, _: run.spec_bytes, "{:.0f}"),
)


def ratios(comparison: Comparison) -> dict[str, float | None]:
    """Every row as eco2 / kro; None where kro's figure is 0 or one of them was not measured."""
    runs = {run.name: run for run in comparison.runs}
    if not {"eco2", "kro"} <= runs.keys():
        return {}
    ratio = {}
    for row in ROWS:
        ours, theirs = (row.value(runs[name], comparison.applications) for name in ("eco2", "kro"))
        ratio[row.key] = ours / theirs if theirs else None
    return ratio


def document(comparison: Comparison) -> dict[str, Any]:
    """Everything, for machines."""
    return {
        **asdict(comparison),
        "figures": {
            run.name: {row.key: row.value(run, comparison.applications) for row in ROWS} for run in comparison.runs
        },
        "ratios": ratios(comparison),
        "aims": {row.key: row.aim for row in ROWS if row.aim is not None},
    }


def show(comparison: Comparison, console: Console) -> None:
    """Print the tables."""
    for line in _head(comparison):
        console.print(line, highlight=False, soft_wrap=True)
    table = Table("", *(f"{run.name} {run.version}" for run in comparison.runs), "ratio", "aim", "")
    for column in table.columns[1:]:
        column.justify = "right"
    ratio = ratios(comparison)
    for row in ROWS:
        values = [row.form.format(row.value(run, comparison.applications)) for run in comparison.runs]
        table.add_row(row.text, *values, *_judged(row, ratio.get(row.key)))
    console.print(table)
    for run in comparison.runs:
        console.print(f"{run.name}: requests while creating, by verb and resource:", highlight=False)
        for target, count in sorted(run.creation.requests.targets.items(), key=lambda item: -item[1])[:12]:
            console.print(f"  {count:6d}  {target}", highlight=False)


def _judged(row: Row, ratio: float | None) -> tuple[str, str, str]:
    shown = "-" if ratio is None else f"{ratio:.2f}"
    if row.aim is None or ratio is None:
        return shown, "" if row.aim is None else f"≤ {row.aim:.2f}", ""
    return shown, f"≤ {row.aim:.2f}", "[green]met[/]" if ratio <= row.aim else "[red]not met[/]"


def _head(comparison: Comparison) -> Iterator[str]:
    machine, floor = comparison.machine, comparison.floor
    yield (
        f"{comparison.applications} applications on {machine.system}, {machine.cores} cores, "
        f"{machine.memory / MIB / 1024:.0f} GiB, Python {machine.python}, Kubernetes {machine.kubernetes}; "
        f"load average before the run {machine.load:.1f}"
    )
    objects = ", ".join(f"{count} {kind}" for kind, count in floor.objects.items())
    yield (
        f"bare writes, no controller: {floor.wall:.1f} s, {floor.cpu:.2f} s of CPU, {floor.peak_rss / MIB:.0f} MiB, "
        f"{floor.requests.total} requests for {objects}"
    )
    for run in comparison.runs:
        objects = ", ".join(f"{count} {kind}" for kind, count in run.objects.items())
        agents = ", ".join(f"{count} as {agent}" for agent, count in sorted(run.creation.requests.agents.items()))
        yield f"{run.name}: made {objects}; {agents}"
