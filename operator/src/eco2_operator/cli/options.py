"""Options that several commands share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

Command = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Target:
    """Which cluster, and which namespace in it, a command is about."""

    kubeconfig: str
    context: str | None = None
    namespace: str | None = None
    """As given with -n; None: the namespace of the context."""


def cluster_options(command: Command) -> Command:
    """Add ``--kubeconfig``, ``--context`` and ``-n``; the command receives them as ``target``."""

    @click.option(
        "--kubeconfig",
        envvar="KUBECONFIG",
        default="~/.kube/config",
        show_default=True,
        show_envvar=True,
        metavar="FILE",
        help="Kubeconfig file; several are joined with `:`.",
    )
    @click.option("--context", metavar="NAME", help="Context of the kubeconfig; default its current one.")
    @click.option("-n", "--namespace", metavar="NAME", help="Namespace; default the context's.")
    @wraps(command)
    def wrapped(*, kubeconfig: str, context: str | None, namespace: str | None, **rest: Any) -> Any:
        return command(target=Target(kubeconfig, context, namespace), **rest)

    return wrapped


def file_option(*, required: bool = True) -> Callable[[Command], Command]:
    """Add ``-f``; the command receives the values as ``files``."""
    return click.option(
        "-f",
        "--filename",
        "files",
        multiple=True,
        required=required,
        metavar="FILE|DIR|-",
        help="File, folder (with everything in it) or - for stdin; may be given several times.",
    )


def output_option(*formats: str) -> Callable[[Command], Command]:
    """Add ``-o``; the first format is the default."""
    return click.option(
        "-o",
        "--output",
        "output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="Format of what is printed.",
    )
