"""`make bench`: the operator beside kro and beside bare writes, in one run on the embedded cluster.

Wall times depend on the machine and on what else it does; the ratios of one run, CPU seconds and counts of requests
hardly do. docs/performance.md says how the figures come about.
"""

import os
import platform
import tempfile
from pathlib import Path

import click
import orjson
import psutil
from eco2_bench import report
from eco2_bench.contenders import Contender, Eco2, Kro
from eco2_bench.measure import Plan, measure, measure_floor
from eco2_bench.results import Comparison, Host
from rich.console import Console

from eco2_testcluster.errors import ClusterError
from eco2_testcluster.progress import Reporter
from eco2_testcluster.tools import KUBERNETES_VERSION


@click.command()
@click.option("-n", "--applications", default=300, show_default=True, help="Applications, five children each.")
@click.option("--edits", default=50, show_default=True, help="Edits whose latency is measured.")
@click.option("--idle", default=30.0, show_default=True, help="Seconds to watch an idle controller.")
@click.option("--only", type=click.Choice(["eco2", "kro"]), help="Leave the other one out.")
@click.option(
    "--pods/--no-pods",
    default=True,
    show_default=True,
    help="Whether the cluster starts (simulated) pods; their life costs the machine more than both controllers.",
)
@click.option("--keep", type=click.Path(path_type=Path), help="Folder for the clusters' logs; a temporary one if none.")
@click.option("-o", "--output", nargs=2, metavar="json FILE", help="Write everything measured to a file.")
def main(
    applications: int,
    edits: int,
    idle: float,
    only: str | None,
    pods: bool,
    keep: Path | None,
    output: tuple[str, Path] | None,
) -> None:
    """Measure wall time, CPU, memory, API requests and latency of eco2 and kro for the same work."""
    if output is not None and output[0] != "json":
        raise click.BadParameter("the only format is json", param_hint="-o")
    reporter = Reporter()
    plan = Plan(applications, edits, idle, pods)
    host = _host()
    try:
        contenders: list[Contender] = []
        if only != "kro":
            contenders.append(Eco2(pods=pods))
        if only != "eco2":
            contenders.append(Kro(reporter, waits=pods))
        with tempfile.TemporaryDirectory(prefix="eco2-bench-") as temporary:
            folder = keep or Path(temporary)
            floor = measure_floor(plan, folder / "floor", reporter)
            runs = tuple(measure(each, plan, folder / each.name, reporter) for each in contenders)
    except ClusterError as error:
        raise click.ClickException(str(error)) from None
    comparison = Comparison(host, applications, pods, floor, runs)
    report.show(comparison, Console(width=110))
    if output is not None:
        content = orjson.dumps(report.document(comparison), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        Path(output[1]).write_bytes(content)


def _host() -> Host:
    return Host(
        system=f"{platform.system()} {platform.machine()}",
        cores=os.cpu_count() or 1,
        memory=psutil.virtual_memory().total,
        python=platform.python_version(),
        kubernetes=KUBERNETES_VERSION,
    )


if __name__ == "__main__":
    main()
