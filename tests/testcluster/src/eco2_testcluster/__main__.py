"""The commands behind `make up` and `make down`."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn, TypeVar

import click
from rich.console import Console
from rich.table import Table

from eco2_testcluster.binaries import resolve_binaries
from eco2_testcluster.errors import ClusterError
from eco2_testcluster.images import SOURCES, build_images
from eco2_testcluster.installations import Installation
from eco2_testcluster.installations.charts import ChartInstallation
from eco2_testcluster.installations.process import ProcessInstallation, Simulated
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
        click.option("--charts", type=FOLDER, default=Path("charts"), help="Charts to install, where pods are real."),
        click.option("--crds", type=FOLDER, default=Path("crds"), help="Custom resource definitions to apply."),
        click.option("--examples", type=FOLDER, default=Path("examples"), help="Resources to apply."),
        click.option("--state", type=FOLDER, default=Path(".eco2"), help="Where the state is kept."),
        click.option("--eco2", default=eco2, help="The product's command line program."),
        click.option("--settle-seconds", default=120.0, show_default=True, help="Time limit for the statuses."),
    ):
        function = option(function)
    return function


SURROUNDINGS = Path(__file__).parent / "surroundings"
ISTIO = Path(__file__).parents[3] / "support" / "crds"
"""Istio's definitions, of which some are for the tests alone."""
MESH_CONFIG = Path(__file__).parents[4] / "authz" / "deploy" / "istio" / "mesh-config.yaml"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Local Kubernetes clusters for the Eco² operator."""


@main.command()
@_cluster_option
@_plan_options
def up(cluster: str, examples: Path, crds: Path, eco2: str, settle_seconds: float, **places: Path) -> None:
    """Start a cluster with the operator and the examples, and leave it running."""
    # Ctrl-C, a closed terminal and a cancelled CI job all undo what was started.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    reporter = Reporter()
    task = _task(cluster, _plan(crds, examples, eco2, settle_seconds), eco2, reporter=reporter, **places)
    try:
        running = task.up()
        notes = task.finish(running)
        task.print_table(running)
    except ClusterError as error:
        _fail(error)
    if notes:
        click.echo("\n" + "\n".join(notes))
    click.echo(f"\nexport KUBECONFIG={running.kubeconfig}\n")
    for name, text in OTHERS.items():
        if name != cluster:
            click.echo(f"another cluster: make up CLUSTER={name} ({text})")
    click.echo(f"stop it: make down{'' if cluster == 'embedded' else f' CLUSTER={cluster}'}")


@main.command()
@_cluster_option
@_plan_options
def down(cluster: str, examples: Path, crds: Path, eco2: str, settle_seconds: float, **places: Path) -> None:
    """Stop what `up` started, and only that."""
    reporter = Reporter()
    task = _task(cluster, _plan(crds, examples, eco2, settle_seconds), eco2, reporter=reporter, **places)
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


@main.command()
@click.argument("names", nargs=-1)
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def images(names: tuple[str, ...], output: str) -> None:
    """Build the images (or those named) in the Docker engine and print their sizes."""
    try:
        with Reporter().step(f"building images: {', '.join(names or SOURCES)}") as progress:
            built = build_images(names or tuple(SOURCES), progress=progress, environ=os.environ)
    except ClusterError as error:
        _fail(error)
    if output == "json":
        click.echo(json.dumps([dataclasses.asdict(image) for image in built], indent=2))
        return
    table = Table("NAME", "REFERENCE", "SIZE", "ID", box=None)
    for image in built:
        table.add_row(image.name, image.reference, f"{image.size / 1e6:.0f} MB", image.id[7:19])
    Console().print(table)


def _provider(name: str, state: Path, reporter: Reporter) -> Provider:
    return PROVIDERS[name](state / name, reporter=reporter)


def _plan(crds: Path, examples: Path, eco2: str, settle_seconds: float) -> Plan:
    return Plan(crds=crds, examples=examples, status=(eco2, "status", "-A"), settle_seconds=settle_seconds)


def _task(cluster: str, plan: Plan, eco2: str, *, reporter: Reporter, state: Path, charts: Path) -> Up:
    provider = _provider(cluster, state, reporter)
    installation: Installation
    if isinstance(provider, KindProvider):
        installation = ChartInstallation(
            provider,
            charts=charts,
            mesh_config=MESH_CONFIG,
            surroundings=SURROUNDINGS / "kind",
            reporter=reporter,
            environ=os.environ,
        )
    else:
        installation = ProcessInstallation(
            provider.folder,
            crds=plan.crds,
            command=(eco2, "run"),
            reporter=reporter,
            simulated=Simulated(sorted(ISTIO.glob("*.istio.io.yaml")), [SURROUNDINGS / "simulated"]),
        )
    return Up(provider, installation, plan, reporter=reporter)


def _fail(error: ClusterError) -> NoReturn:
    click.echo(f"error: {error}", err=True)
    raise SystemExit(1)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main(prog_name="eco2_testcluster")
