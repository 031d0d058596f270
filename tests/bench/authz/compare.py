"""`make bench-authz`: eco2-authz beside Go servers, directly and through one Envoy, in one run on two cores.

What is to be compared is the ratios of one run; figures of different machines or days are not. Linux only.
"""

import tempfile
from pathlib import Path
from typing import Final

import click
import orjson
from eco2_authz_bench import report, runtime
from eco2_authz_bench.measure import Bench, Plan
from eco2_authz_bench.profile import sampler
from eco2_authz_bench.programs import build_programs
from eco2_authz_bench.scenarios import SCENARIOS
from eco2_authz_bench.servers import CONTENDERS
from rich.console import Console

from eco2_testcluster.errors import ClusterError
from eco2_testcluster.progress import Reporter

MEMORY: Final = Path("/dev/shm")  # noqa: S108  a folder of our own in it
QUICK: Final = (1, 1.0)


@click.command()
@click.option("--rounds", default=3, show_default=True, help="Medians are taken over so many rounds.")
@click.option("--seconds", default=2.5, show_default=True, help="Length of each measured span.")
@click.option("--quick", is_flag=True, help="One round of one second each: to see that it works.")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice([each.name for each in CONTENDERS]),
    help="Measure this server alone; may be repeated.",
)
@click.option(
    "--scenario",
    "chosen",
    multiple=True,
    type=click.Choice([each.key for each in SCENARIOS]),
    help="Measure in this situation alone; may be repeated.",
)
@click.option(
    "--profile",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for samples of where our server's time goes, taken by py-spy after the measurement.",
)
@click.option("-o", "--output", nargs=2, metavar="json FILE", help="Write everything measured to a file.")
def main(
    rounds: int,
    seconds: float,
    quick: bool,
    only: tuple[str, ...],
    chosen: tuple[str, ...],
    profile: Path | None,
    output: tuple[str, Path] | None,
) -> None:
    """Measure throughput, latency, CPU and memory of ext_authz servers that do the same work."""
    if output is not None and output[0] != "json":
        raise click.BadParameter("the only format is json", param_hint="-o")
    if profile is not None and sampler() is None:
        raise click.BadParameter("py-spy is not on the PATH: uv tool install py-spy", param_hint="--profile")
    if quick:
        rounds, seconds = QUICK
    reporter = Reporter()
    try:
        programs = build_programs(reporter)
        contenders = [
            each
            for each in CONTENDERS
            if (not only or each.name in only) and (each.program is None or each.program in programs.paths)
        ]
        scenarios = [each for each in SCENARIOS if not chosen or each.key in chosen]
        plan = Plan(rounds, seconds, contenders, scenarios, profile)
        reporter.say(f"  measuring takes {plan.expected / 60:.0f} minutes")
        with tempfile.TemporaryDirectory(prefix="eco2-bench-", dir=MEMORY) as folder:
            comparison = Bench(plan, programs, runtime.find(reporter), Path(folder), reporter).run()
    except ClusterError as error:
        raise click.ClickException(str(error)) from None
    report.show(comparison, Console(width=150))
    if output is not None:
        content = orjson.dumps(report.document(comparison), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        Path(output[1]).write_bytes(content)


if __name__ == "__main__":
    main()
