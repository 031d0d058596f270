"""``PYTHONPATH=tests python -m fuzz --cases 1000000``: the comparisons of `support.authz.differences`, for long.

Work is done in portions with a seed each, in several processes. A case that fails is shown, with the command that makes
it again, and ends the run with code 1.
"""

import secrets
import sys
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from os import cpu_count, nice
from time import monotonic
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from support.authz.differences.target import Difference, Target, run
from support.authz.differences.targets import TARGETS

_PORTION: Final = 2_000
"""Cases with one seed: few enough for a bar that moves, and to come again to a case soon."""
_NICE: Final = 19

Job = tuple[str, int, int]
"""Target, seed, cases."""


@click.command(help=__doc__)
@click.option("--cases", default=1_000_000, show_default=True, help="Cases for each target.")
@click.option("--seed", type=int, help="Of the first portion; the others follow. Random when it is not given.")
@click.option("--only", type=click.Choice(sorted(TARGETS)), multiple=True, help="Targets; all when none is given.")
@click.option("--case", "octets", help="One case, as it was shown: hexadecimal, separated by commas.")
@click.option("--jobs", default=cpu_count() or 1, show_default=True, help="Processes.")
def main(cases: int, seed: int | None, only: tuple[str, ...], octets: str | None, jobs: int) -> None:
    """Run the comparisons."""
    names = only or tuple(TARGETS)
    if octets is not None:
        for name in names:
            TARGETS[name].check([bytes.fromhex(part) for part in octets.split(",")])
        return
    sys.exit(_fuzz(names, cases, secrets.randbelow(1 << 31) if seed is None else seed, jobs))


def _fuzz(names: tuple[str, ...], cases: int, seed: int, jobs: int) -> int:
    console = Console()
    console.print(f"{cases:,} cases each, seed {seed}, {jobs} processes")
    failed = 0
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with ProcessPoolExecutor(jobs, initializer=_modest) as pool:
        for name in names:
            began = monotonic()
            with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
                failure = _run(pool, name, cases, seed, jobs, progress)
            _report(console, TARGETS[name], cases, monotonic() - began, failure)
            failed += failure is not None
    return 1 if failed else 0


def _run(
    pool: ProcessPoolExecutor, name: str, cases: int, seed: int, jobs: int, progress: Progress
) -> Difference | None:
    """Do all portions of one target; the first that fails ends it."""
    bar: TaskID = progress.add_task(name, total=cases)
    portions = _portions(name, cases, seed)
    running: set[Future[int]] = {pool.submit(_work, job) for job in islice(portions, 2 * jobs)}
    failure: Difference | None = None
    while running:
        done, running = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            error = future.exception()
            if isinstance(error, Difference):
                failure = failure or error
            elif error is not None:
                raise error
            else:
                progress.advance(bar, future.result())
        if failure is None:
            running |= {pool.submit(_work, job) for job in islice(portions, len(done))}
    return failure


def _portions(name: str, cases: int, seed: int) -> Iterator[Job]:
    for number, begin in enumerate(range(0, cases, _PORTION)):
        yield name, seed + number, min(_PORTION, cases - begin)


def _work(job: Job) -> int:
    name, seed, cases = job
    run(TARGETS[name], seed, cases)
    return cases


def _modest() -> None:
    """Whoever else wants the machine comes first."""
    nice(_NICE)


def _report(console: Console, target: Target, cases: int, seconds: float, failure: Difference | None) -> None:
    if failure is None:
        console.print(
            f"[green]✓[/] {target.name:<10} {target.what}: {cases:,} cases in {seconds:,.0f} s", soft_wrap=True
        )
        return
    console.print(f"[red]✗[/] {target.name:<10} {target.what}")
    console.print(str(failure), markup=False, highlight=False, soft_wrap=True)
    console.print(str(failure.__cause__), markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
