"""The figures as a table for people, and as JSON."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from eco2_bench.results import MIB, Comparison, Run, quantile

TARGETS = 14
"""How many kinds of request are listed."""


@dataclass(frozen=True)
class Row:
    """One figure of a controller. ``aim``: the largest ratio of eco2 to kro that we want."""

    key: str
    text: str
    value: Callable[[Run, int], float]
    form: str = "{:.1f}"
    aim: float | None = None


ROWS = (
    Row("wall", "all children exist, s", lambda run, _: run.creation.children, aim=0.55),
    Row("done", "all Ready / ACTIVE, s", lambda run, _: run.creation.done),
    Row("cpu", "CPU until at rest, s", lambda run, _: run.creation.phase.cpu, "{:.2f}", aim=0.7),
    Row("peak_rss", "peak RSS, MiB", lambda run, _: run.peak_rss / MIB, aim=1.0),
    Row("rest_rss", "RSS at rest, MiB", lambda run, _: run.creation.rss / MIB),
    Row("requests", "API requests per application", lambda run, n: run.creation.phase.requests.total / n, aim=0.3),
    Row("writes", "  of these writes", lambda run, n: run.creation.phase.requests.writes / n),
    Row("per_child", "API requests per child", lambda run, _: _per_child(run), "{:.2f}"),
    Row("edit_p50", "edit to child p50, ms", lambda run, _: quantile(run.edits, 0.5) * 1000, "{:.0f}", aim=0.4),
    Row("edit_p99", "edit to child p99, ms", lambda run, _: quantile(run.edits, 0.99) * 1000, "{:.0f}"),
    Row("edit_requests", "API requests per edit", lambda run, _: run.editing.requests.total / len(run.edits)),
    Row("edit_cpu", "CPU per edit, ms", lambda run, _: run.editing.cpu / len(run.edits) * 1000),
    Row("idle_requests", "idle: API requests", lambda run, _: run.idle.requests.total, "{:.0f}"),
    Row("idle_writes", "idle: writes", lambda run, _: run.idle.requests.writes, "{:.0f}"),
    Row("idle_cpu", "idle: CPU per minute, s", lambda run, _: run.idle.cpu / run.idle.seconds * 60, "{:.2f}"),
    Row("start_cpu", "start: CPU, s", lambda run, _: run.start_cpu, "{:.2f}"),
    Row("start_rss", "start: RSS, MiB", lambda run, _: run.start_rss / MIB),
    Row("restart", "restart: until at rest, s", lambda run, _: run.restart.seconds),
    Row("restart_cpu", "restart: CPU, s", lambda run, _: run.restart.cpu, "{:.2f}"),
    Row("restart_rss", "restart: peak RSS, MiB", lambda run, _: run.restart_rss / MIB),
    Row("restart_requests", "restart: API requests", lambda run, _: run.restart.requests.total, "{:.0f}"),
    Row("restart_writes", "restart: writes", lambda run, _: run.restart.requests.writes, "{:.0f}"),
    Row("made", "children made", lambda run, _: run.creation.made, "{:.0f}"),
    Row("spec_bytes", "bytes of spec per application", lambda run, _: run.creation.spec_bytes, "{:.0f}"),
    Row("cluster_cpu", "the cluster's CPU for the children, s", lambda run, _: run.creation.cluster_cpu),
    Row("others", "other programs' share of the machine, %", lambda run, _: run.creation.others * 100, "{:.0f}"),
)


def _per_child(run: Run) -> float:
    return run.creation.phase.requests.total / run.creation.made


def ratios(comparison: Comparison) -> dict[str, float | None]:
    """Every row as eco2 / kro; None where kro's figure is 0. Empty when one of them was not measured."""
    runs = {run.name: run for run in comparison.runs}
    if not {"eco2", "kro"} <= runs.keys():
        return {}
    ratio: dict[str, float | None] = {}
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
        targets = sorted(run.creation.phase.requests.targets.items(), key=lambda item: -item[1])
        for target, count in targets[:TARGETS]:
            console.print(f"  {count:6d}  {target}", highlight=False)


def _judged(row: Row, ratio: float | None) -> tuple[str, str, str]:
    shown = "-" if ratio is None else f"{ratio:.2f}"
    if row.aim is None or ratio is None:
        return shown, "" if row.aim is None else f"≤ {row.aim:.2f}", ""
    return shown, f"≤ {row.aim:.2f}", "[green]met[/]" if ratio <= row.aim else "[red]not met[/]"


def _head(comparison: Comparison) -> Iterator[str]:
    host, floor = comparison.host, comparison.floor
    yield (
        f"{comparison.applications} applications {'with' if comparison.pods else 'without'} pods; {host.system}, "
        f"{host.cores} cores, {host.memory / MIB / 1024:.0f} GiB, Python {host.python}, Kubernetes {host.kubernetes}"
    )
    yield (
        f"bare writes, no controller: {floor.wall:.1f} s, {floor.cpu:.2f} s of CPU, {floor.peak_rss / MIB:.0f} MiB, "
        f"{floor.requests.total} requests for {_listed(floor.objects)}; the cluster's CPU {floor.cluster_cpu:.1f} s, "
        f"others {floor.others * 100:.0f} % of the machine"
    )
    for run in comparison.runs:
        agents = ", ".join(f"{count} as {agent}" for agent, count in sorted(run.creation.phase.requests.agents.items()))
        yield f"{run.name}: made {_listed(run.creation.objects)}; requests: {agents}"


def _listed(objects: Any) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in objects.items())
