"""The commands behind `make up` and `make down`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn, TypeVar

import click

from eco2_testcluster.binaries import resolve_binaries
from eco2_testcluster.errors import ClusterError
from eco2_testcluster.progress import Reporter
from eco2_testcluster.providers import Provider
from eco2_testcluster.providers.embedded import EmbeddedProvider
from eco2_testcluster.providers.existing import ExistingProvider
from eco2_testcluster.providers.kind import KindProvider
from eco2_testcluster.tools import CLUSTER_NAMES
from eco2_testcluster.up import Plan, Up

PROVIDERS: dict[str, Callable[..., Provider]] = {
    "embedded": EmbeddedProvider,
    "kind": KindProvider,
    "existing": ExistingProvider,
}
OTHERS = {
    "embedded": "no Docker, no root; pods are simulated",
    "kind": "real pods; needs a Docker engine",
    "existing": "your current kubectl context",
}

T = TypeVar("T", bound=Callable[..., object])
FOLDER = click.Path(file_okay=False, path_type=Path)


def _cluster_option(function: T) -> T:
    return click.option(
        "--cluster",
        envvar="CLUSTER",
        type=click.Choice(list(PROVIDERS)),
        default="embedded",
        show_default=True,
        show_envvar=True,
        help="Which cluster.",
    )(function)


def _plan_options(function: T) -> T:
    eco2 = str(Path(sys.executable).with_name("eco2"))
    for option in (
        click.option("--crds", type=FOLDER, default=Path("crds"), help="Custom resource definitions to apply."),
        click.option("--examples", type=FOLDER, default=Path("examples"), help="Resources to apply."),
        click.option("--state", type=FOLDER, default=Path(".eco2"), help="Where the state is kept."),
        click.option("--eco2", default=eco2, help="The product's command line program."),
        click.option("--settle-seconds", default=120.0, show_default=True, help="Time limit for the statuses."),
    ):
        function = option(function)
    return function


ISTIO = Path(__file__).parents[3] / "support" / "crds"
"""Istio's definitions, of which some are for the tests alone."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Local Kubernetes clusters for the Eco² operator."""


@main.command()
@_cluster_option
@_plan_options
def up(cluster: str, crds: Path, examples: Path, state: Path, eco2: str, settle_seconds: float) -> None:
    """Start a cluster with the operator and the examples, and leave it running."""
    # Ctrl-C, a closed terminal and a cancelled CI job all undo what was started.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    reporter = Reporter()
    task = Up(_provider(cluster, state, reporter), _plan(crds, examples, eco2, settle_seconds), reporter=reporter)
    try:
        running = task.up()
        task.print_table(running)
    except ClusterError as error:
        _fail(error)
    if running.simulated:
        click.echo("\npods are simulated by kwok: no container runs, and images are not pulled")
    click.echo(f"\nexport KUBECONFIG={running.kubeconfig}\n")
    for name, text in OTHERS.items():
        if name != cluster:
            click.echo(f"another cluster: make up CLUSTER={name} ({text})")
    click.echo(f"stop it: make down{'' if cluster == 'embedded' else f' CLUSTER={cluster}'}")


@main.command()
@_cluster_option
@_plan_options
def down(cluster: str, crds: Path, examples: Path, state: Path, eco2: str, settle_seconds: float) -> None:
    """Stop what `up` started, and only that."""
    reporter = Reporter()
    task = Up(_provider(cluster, state, reporter), _plan(crds, examples, eco2, settle_seconds), reporter=reporter)
    try:
        stopped = task.down()
    except ClusterError as error:
        _fail(error)
    click.echo(f"stopped: {', '.join(stopped)}" if stopped else f"nothing to stop ({cluster})")


@main.command()
@_cluster_option
@click.option("--state", type=FOLDER, default=Path(".eco2"), help="Where the state is kept.")
def kubeconfig(cluster: str, state: Path) -> None:
    """Print the path of the running cluster's kubeconfig."""
    running = _provider(cluster, state, Reporter()).find()
    if running is None:
        _fail(ClusterError(f"no {cluster} cluster runs here; start it with: make up CLUSTER={cluster}"))
    click.echo(str(running.kubeconfig))


@main.command()
@click.argument("names", nargs=-1)
def binaries(names: tuple[str, ...]) -> None:
    """Fetch or build the cluster's programs (or those named) and print where they are."""
    try:
        found = resolve_binaries(names or CLUSTER_NAMES)
    except ClusterError as error:
        _fail(error)
    for name, path in found.items():
        click.echo(f"{name}\t{path}")


def _provider(name: str, state: Path, reporter: Reporter) -> Provider:
    return PROVIDERS[name](state / name, reporter=reporter)


def _plan(crds: Path, examples: Path, eco2: str, settle_seconds: float) -> Plan:
    return Plan(
        crds=crds,
        examples=examples,
        operator=(eco2, "run"),
        status=(eco2, "status", "-A"),
        settle_seconds=settle_seconds,
        definitions=sorted(ISTIO.glob("*.istio.io.yaml")),
        surroundings=[Path(__file__).parent / "surroundings"],
    )


def _fail(error: ClusterError) -> NoReturn:
    click.echo(f"error: {error}", err=True)
    raise SystemExit(1)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main(prog_name="eco2_testcluster")
