"""The figures and the ratios as tables for people, and as JSON."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from eco2_authz_bench.machine import LOAD_CORE, SERVER_CORE
from eco2_authz_bench.results import MIB, Comparison, Series
from eco2_authz_bench.scenarios import (
    FEW_CONNECTIONS,
    GATEWAY,
    GATEWAY_LATENCY,
    LATENCY,
    MANY_CONNECTIONS,
    MANY_FULLER,
    NEW_TOKENS,
    RSA,
    RSA_NEW,
    SHARED_CORE,
    TRACED,
    Scenario,
)
from eco2_authz_bench.servers import CACHED, CEILING, CONTENDERS, LOOKUP, MIRROR, NO_FILTER, PLAIN

BOUND: Final = 0.93
"""A core that is used more than that is full."""
QUIET: Final = 0.05
"""Share of the machine that others may take before the figures say little."""


@dataclass(frozen=True)
class Row:
    """One figure of everybody."""

    scenario: Scenario
    text: str
    figure: str
    form: str = "{:,.0f}"
    unit: float = 1.0


ROWS: Final = (
    Row(FEW_CONNECTIONS, "direct, 4 connections: rps", "rps"),
    Row(FEW_CONNECTIONS, "  CPU per request, µs", "cpu_per_request", "{:.1f}"),
    Row(MANY_CONNECTIONS, "direct, 50 connections: rps", "rps"),
    Row(MANY_CONNECTIONS, "  CPU per request, µs", "cpu_per_request", "{:.1f}"),
    Row(MANY_CONNECTIONS, "  RSS, MiB", "rss", "{:.0f}", MIB),
    Row(MANY_FULLER, "the same, 4 requests each: rps", "rps"),
    Row(NEW_TOKENS, "every token new: rps", "rps"),
    Row(NEW_TOKENS, "  CPU per request, µs", "cpu_per_request", "{:.1f}"),
    Row(TRACED, "traceparent changes: rps", "rps"),
    Row(RSA, "RS256, 50 connections: rps", "rps"),
    Row(RSA_NEW, "RS256, every token new: rps", "rps"),
    Row(LATENCY, "direct at 3,000 rps: p50, µs", "p50"),
    Row(LATENCY, "  p99, µs", "p99"),
    Row(LATENCY, "  CPU per request, µs", "cpu_per_request", "{:.1f}"),
    Row(GATEWAY, "through Envoy: rps", "rps"),
    Row(GATEWAY, "  CPU per request, µs", "cpu_per_request", "{:.1f}"),
    Row(SHARED_CORE, "through Envoy, one core for both: rps", "rps"),
    Row(SHARED_CORE, "  CPU per request, with Envoy's, µs", "core_per_request", "{:.1f}"),
    Row(GATEWAY_LATENCY, "through Envoy at 1,500 rps: p50, µs", "p50"),
    Row(GATEWAY_LATENCY, "  p99, µs", "p99"),
)


@dataclass(frozen=True)
class Aim:
    """A ratio of two servers and what is wanted of it.

    Args:
        added: of the latency on top of what Envoy takes without a check.
        most: the ratio is to be at most that; otherwise at least.
    """

    scenario: Scenario
    figure: str
    ours: str
    theirs: str
    wanted: float
    added: bool = False
    most: bool = False

    @property
    def text(self) -> str:
        """For people."""
        what = f"added {self.figure}" if self.added else self.figure
        return f"{self.scenario.text}: {what}"

    def ratio(self, comparison: Comparison) -> float | None:
        """The ratio of the medians; None when one was not measured, or theirs is nothing."""
        ours, theirs = self._value(comparison, self.ours), self._value(comparison, self.theirs)
        if ours is None or theirs is None or theirs <= 0:
            return None
        return max(0.0, ours / theirs)  # less than nothing is added by chance only

    def ratio_by_cpu(self, comparison: Comparison) -> float | None:
        """The same by requests for each second of CPU, which other programs hardly change; None for latency."""
        series = [comparison.find(self.scenario.key, name) for name in (self.ours, self.theirs)]
        costs = [each.median("core_per_request") for each in series if each is not None]
        return costs[1] / costs[0] if self.figure == "rps" and len(costs) == 2 and costs[0] else None

    def is_quiet(self, comparison: Comparison) -> bool:
        """Whether other programs left the machine to both."""
        series = [comparison.find(self.scenario.key, name) for name in (self.ours, self.theirs)]
        return all(each is None or each.median("others") <= QUIET for each in series)

    def met(self, ratio: float) -> bool:
        """Whether that is what was wanted."""
        return ratio <= self.wanted if self.most else ratio >= self.wanted

    def _value(self, comparison: Comparison, name: str) -> float | None:
        series = comparison.find(self.scenario.key, name)
        if series is None:
            return None
        if not self.added:
            return series.median(self.figure)
        return added(comparison, series, self.figure)


def added(comparison: Comparison, series: Series, figure: str) -> float | None:
    """The median over the rounds of what a check adds to the latency of the same round."""
    bare = comparison.find(series.scenario, NO_FILTER)
    if bare is None:
        return None
    pairs = zip(series.measurements, bare.measurements, strict=True)
    return float(median(getattr(ours, figure) - getattr(without, figure) for ours, without in pairs))


AIMS: Final = (
    Aim(MANY_CONNECTIONS, "rps", MIRROR, CACHED, 2.0),
    Aim(MANY_CONNECTIONS, "rps", MIRROR, PLAIN, 4.0),
    Aim(MANY_CONNECTIONS, "rps", LOOKUP, PLAIN, 1.0),
    Aim(MANY_FULLER, "rps", MIRROR, CACHED, 2.0),
    Aim(MANY_FULLER, "rps", MIRROR, PLAIN, 4.0),
    Aim(NEW_TOKENS, "rps", MIRROR, CACHED, 1.5),
    Aim(NEW_TOKENS, "rps", MIRROR, PLAIN, 2.0),
    Aim(NEW_TOKENS, "rps", LOOKUP, PLAIN, 1.0),
    Aim(GATEWAY, "rps", MIRROR, CACHED, 1.25),
    Aim(GATEWAY, "rps", MIRROR, PLAIN, 2.0),
    Aim(GATEWAY, "rps", LOOKUP, PLAIN, 1.0),
    Aim(GATEWAY, "rps", MIRROR, CEILING, 0.85),
    Aim(SHARED_CORE, "rps", MIRROR, CACHED, 1.25),
    Aim(SHARED_CORE, "rps", MIRROR, PLAIN, 2.0),
    Aim(SHARED_CORE, "rps", LOOKUP, PLAIN, 1.0),
    Aim(SHARED_CORE, "rps", MIRROR, CEILING, 0.85),
    Aim(GATEWAY_LATENCY, "p99", MIRROR, PLAIN, 0.5, added=True, most=True),
    Aim(GATEWAY_LATENCY, "p99", LOOKUP, PLAIN, 1.0, added=True, most=True),
)


def document(comparison: Comparison) -> dict[str, Any]:
    """Everything, for machines."""
    return {
        **asdict(comparison),
        "figures": {f"{row.scenario.key}.{row.figure}": _figures(comparison, row) for row in ROWS},
        "aims": [
            {
                "text": aim.text,
                "ours": aim.ours,
                "theirs": aim.theirs,
                "wanted": aim.wanted,
                "at": "most" if aim.most else "least",
                "ratio": (ratio := aim.ratio(comparison)),
                "ratio_by_cpu": aim.ratio_by_cpu(comparison),
                "met": None if ratio is None else aim.met(ratio),
                "quiet": aim.is_quiet(comparison),
            }
            for aim in AIMS
        ],
    }


def _figures(comparison: Comparison, row: Row) -> dict[str, float]:
    return {each.contender: each.median(row.figure) for each in comparison.series if each.scenario == row.scenario.key}


def show(comparison: Comparison, console: Console) -> None:
    """Print the tables."""
    for line in _head(comparison):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(_table_of_figures(comparison))
    console.print(_table_of_ratios(comparison))
    for line in _notes(comparison):
        console.print(line, highlight=False, soft_wrap=True)


def _table_of_figures(comparison: Comparison) -> Table:
    present = {each.contender for each in comparison.series}
    names = [name for name in (*(each.name for each in CONTENDERS), NO_FILTER) if name in present]
    table = Table("median of the rounds", *names)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in ROWS:
        cells = [_cell(row, comparison.find(row.scenario.key, name)) for name in names]
        if any(cells):
            table.add_row(row.text, *cells)
        if row.scenario is GATEWAY_LATENCY and any(cells):
            found = [comparison.find(row.scenario.key, name) for name in names]
            extra = [added(comparison, each, row.figure) if each else None for each in found]
            table.add_row("    added", *("" if value is None else f"{value:,.0f}" for value in extra))
    peaks = [comparison.peak_rss.get(name) for name in names]
    table.add_row("peak RSS, MiB", *("" if peak is None else f"{peak / MIB:.0f}" for peak in peaks))
    return table


def _cell(row: Row, series: Series | None) -> str:
    """A figure. ``*``: the load generator was the limit, not the server; ``!``: there were wrong answers or errors."""
    if series is None or (series.contender == NO_FILTER and row.figure == "cpu_per_request"):
        return ""
    text = row.form.format(series.median(row.figure) / row.unit)
    if row.figure == "rps":
        text += "*" if series.median("load_load") > BOUND else ""
        text += f"[red]!{series.faults}[/]" if series.faults else ""
    return text


def _table_of_ratios(comparison: Comparison) -> Table:
    table = Table("ratio", "of", "to", "measured", "aim", "", "by CPU")
    for column in (*table.columns[3:5], table.columns[6]):
        column.justify = "right"
    for aim in AIMS:
        ratio = aim.ratio(comparison)
        wanted = f"{'≤' if aim.most else '≥'} {aim.wanted:.2f}"
        shown = "-" if ratio is None else f"{ratio:.2f}"
        judged = "not measured" if ratio is None else _judged(aim, ratio, quiet=aim.is_quiet(comparison))
        by_cpu = aim.ratio_by_cpu(comparison)
        table.add_row(aim.text, aim.ours, aim.theirs, shown, wanted, judged, "" if by_cpu is None else f"{by_cpu:.2f}")
    return table


def _judged(aim: Aim, ratio: float, *, quiet: bool) -> str:
    if not quiet:
        return "[yellow]not quiet[/]"
    return "[green]met[/]" if aim.met(ratio) else "[red]not met[/]"


def _head(comparison: Comparison) -> Iterator[str]:
    host = comparison.host
    yield (
        f"{host.processor}, {host.cores} cores, {host.memory / MIB / 1024:.0f} GiB, {host.system}; "
        + ", ".join(f"{name} {version}" for name, version in host.versions.items())
    )
    yield (
        f"{comparison.started}: {comparison.rounds} rounds of {comparison.seconds:g} s, everybody in turn; core "
        f"{SERVER_CORE}: the server, or Envoy; core {LOAD_CORE}: load generator and Redis, and a server behind Envoy "
        "unless both have one core"
    )
    yield from comparison.remarks


def _notes(comparison: Comparison) -> Iterator[str]:
    shares = [each.others for series in comparison.series for each in series.measurements]
    loud = sum(share > QUIET for share in shares)
    yield (
        f"other programs' share of the machine: median {median(shares):.1%}, most {max(shares):.1%}; "
        f"over {QUIET:.0%} in {loud} of {len(shares)} measurements"
    )
    if median(shares) > QUIET:
        yield "[red]the machine was not quiet[/]: the last column, requests for each second of CPU, says more"
    late = [series.median("late") for series in comparison.series if series.median("late")]
    if late:
        yield f"requests that were due left up to {max(late):,.0f} µs late (p99)"
    faults = sum(series.faults for series in comparison.series)
    yield f"answers that were wrong or missing: {faults}"
    logged = [each for series in comparison.series for each in series.measurements if each.logged is not None]
    if logged:
        share = sum(each.logged or 0 for each in logged) / sum(each.answered for each in logged)
        yield f"eco2 with metrics and with its decision log, into a file in memory: {share:.1%} of its decisions"
    yield "the Go servers log nothing and have no metrics; GOMAXPROCS=1, GOGC as it is"
