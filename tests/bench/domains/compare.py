"""`make bench-domains`: domain services beside bare FastAPI handlers that do the same, in one run.

One process each, on one core; PostgreSQL, Redis and the load have the other. Both servers of a pair run at the same
time and are asked in turn, so that what the machine does meanwhile meets both. What is to be compared is the ratios of
one run. Linux only.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

import click
import httpx2
import orjson
import uvloop

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests/, for support

from eco2_domains_bench.load import Span, load
from eco2_domains_bench.servers import OTHER_CORE, USER, Server, prepare, serving
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from support import postgres, redis

IDENTITY: Final = {"x-user-id": USER, "x-auth-provider": "google", "x-request-id": "6f1c2d3e-bench"}
OK: Final = frozenset({200})
AIM: Final = 0.8


@dataclass(frozen=True)
class Case:
    """A service, and what it is measured against."""

    name: str
    ours: list[str]
    peer: str
    bare: list[str]
    path: str
    bare_path: str


@dataclass(frozen=True)
class Figures:
    """Medians over the rounds of one case and number of connections; `ratio` is of rates, pair by pair."""

    case: str
    peer: str
    connections: int
    ours: Span
    bare: Span
    ratio: float
    cpu_us_ours: float
    cpu_us_bare: float
    memory_ours: float
    memory_bare: float


def cases(catalogue_bytes: int) -> list[Case]:
    """What is measured."""
    bare = ["-m", "eco2_domains_bench.bare", "{port}", str(catalogue_bytes)]
    me, catalogue = "/api/v1/user/me", "/api/v1/character/catalog"
    my, character = ["-m", "eco2_my", "serve"], ["-m", "eco2_character", "serve"]
    return [
        Case("GET /user/me", my, "bare handler, same query, pool and serializer", bare, me, me),
        Case(
            "GET /character/catalog", character, "bare handler, same query at each request", bare, catalogue, catalogue
        ),
        Case("GET /character/catalog", character, "bare handler, as many bytes from memory", bare, catalogue, "/bytes"),
    ]


@click.command()
@click.option("--rounds", default=5, show_default=True, help="Medians are taken over so many pairs.")
@click.option("--seconds", default=3.0, show_default=True, help="Length of each measured span.")
@click.option("--connections", default=(1, 16), show_default=True, multiple=True, help="At once; may be repeated.")
@click.option("-o", "--output", nargs=2, metavar="json FILE", help="Write everything measured to a file.")
def main(rounds: int, seconds: float, connections: tuple[int, ...], output: tuple[str, Path] | None) -> None:
    """Measure requests per second and latency of domain services beside bare handlers."""
    if output is not None and output[0] != "json":
        raise click.BadParameter("the only format is json", param_hint="-o")
    os.sched_setaffinity(0, {OTHER_CORE})  # PostgreSQL and Redis inherit it
    console = Console(width=150)
    with postgres.running() as database, database.database() as url, redis.running() as cache:
        environ = {
            "DATABASE_URL": url,
            "REDIS_URL": cache.url,
            "CHARACTER_SERVICE_TOKEN_SECRET": "a-token-of-the-bench",
            "AUTH_URL": "http://127.0.0.1:1",
        }
        prepare(url, others=10_000)
        database.execute("VACUUM ANALYZE")
        with tempfile.TemporaryDirectory(prefix="eco2-bench-") as folder, Progress(console=console) as progress:
            chosen = cases(_catalogue_bytes(environ, Path(folder)))
            task = progress.add_task("measuring", total=len(chosen) * len(connections) * rounds * 2)
            figures = [
                found
                for case in chosen
                for found in _measure(
                    case, environ, Path(folder), rounds, seconds, connections, lambda: progress.advance(task)
                )
            ]
    show(figures, console)
    if output is not None:
        Path(output[1]).write_bytes(orjson.dumps([asdict(found) for found in figures], option=orjson.OPT_INDENT_2))


def _catalogue_bytes(environ: dict[str, str], folder: Path) -> int:
    with serving(["-m", "eco2_character", "serve"], environ, folder / "log") as server:
        answer = httpx2.get(
            f"http://127.0.0.1:{server.port}/api/v1/character/catalog", headers=IDENTITY, trust_env=False
        )
        return len(answer.raise_for_status().content)


def _measure(
    case: Case,
    environ: dict[str, str],
    folder: Path,
    rounds: int,
    seconds: float,
    connections: tuple[int, ...],
    advance: Callable[[], None],
) -> list[Figures]:
    with ExitStack() as stack:
        ours = stack.enter_context(serving(case.ours, environ, folder / "ours.log"))
        bare = stack.enter_context(serving(case.bare, environ, folder / "bare.log"))
        for server, path in ((ours, case.path), (bare, case.bare_path)):
            _ask(server, path, max(connections), 1.0)
        return [_pairs(case, ours, bare, rounds, seconds, count, advance) for count in connections]


def _pairs(
    case: Case, ours: Server, bare: Server, rounds: int, seconds: float, connections: int, advance: Callable[[], None]
) -> Figures:
    measured: dict[Server, list[tuple[Span, float]]] = {ours: [], bare: []}
    for number in range(rounds):
        pair = [(ours, case.path), (bare, case.bare_path)]
        for server, path in pair if number % 2 else reversed(pair):
            measured[server].append(_ask(server, path, connections, seconds))
            advance()
    pairs = zip(measured[ours], measured[bare], strict=True)
    return Figures(
        case=case.name,
        peer=case.peer,
        connections=connections,
        ours=_medians([span for span, _ in measured[ours]]),
        bare=_medians([span for span, _ in measured[bare]]),
        ratio=median(mine.rate / other.rate for (mine, _), (other, _) in pairs),
        cpu_us_ours=median(cpu for _, cpu in measured[ours]),
        cpu_us_bare=median(cpu for _, cpu in measured[bare]),
        memory_ours=ours.memory(),
        memory_bare=bare.memory(),
    )


def _ask(server: Server, path: str, connections: int, seconds: float) -> tuple[Span, float]:
    """A span of load, and microseconds of the server's core for each request."""
    before = server.cpu()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        span = runner.run(load(server.port, path, IDENTITY, connections=connections, seconds=seconds, statuses=OK))
    return span, (server.cpu() - before) / (span.rate * seconds) * 1e6


def _medians(spans: list[Span]) -> Span:
    return Span(*(median(getattr(span, name) for span in spans) for name in ("rate", "p50", "p99")))


def show(figures: list[Figures], console: Console) -> None:
    """Print what was measured."""
    table = Table(
        title="Domain services beside bare FastAPI handlers (ours / bare)", caption=f"aim: ratio {AIM} or more"
    )
    for column in ("request", "beside", "connections", "requests/s", "ratio", "p50 ms", "p99 ms", "CPU µs", "MiB"):
        table.add_column(column, justify="left" if column in {"request", "beside"} else "right")
    for found in figures:
        ours, bare = found.ours, found.bare
        table.add_row(
            found.case,
            found.peer,
            str(found.connections),
            f"{ours.rate:,.0f} / {bare.rate:,.0f}",
            f"[{'green' if found.ratio >= AIM else 'red'}]{found.ratio:.2f}",
            f"{ours.p50:.2f} / {bare.p50:.2f}",
            f"{ours.p99:.2f} / {bare.p99:.2f}",
            f"{found.cpu_us_ours:.0f} / {found.cpu_us_bare:.0f}",
            f"{found.memory_ours:.0f} / {found.memory_bare:.0f}",
        )
    console.print(table)


if __name__ == "__main__":
    main()
