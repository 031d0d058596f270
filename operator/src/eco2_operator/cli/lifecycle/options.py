"""Options of the commands that can wait for what they asked for."""

from functools import wraps
from typing import Any, Final

import click

from eco2_operator.cli.options import Command
from eco2_operator.model.domain import EcoDomainSpec

MARGIN_SECONDS: Final = 60
"""What the operator and the cluster may need beyond the limits of the spec."""


def wait_options(command: Command) -> Command:
    """Add ``--wait`` and ``--timeout``; the command receives them as ``wait`` and ``timeout``, in seconds or None."""

    @click.option("--wait", is_flag=True, help="Follow it until it is done.")
    @click.option(
        "--timeout",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="Longest wait; default what the spec allows, and a minute more.",
    )
    @wraps(command)
    def wrapped(*, wait: bool, timeout: float | None, **rest: Any) -> Any:
        if timeout is not None and not wait:
            raise click.UsageError("--timeout goes with --wait")
        return command(wait=wait, timeout=timeout, **rest)

    return wrapped


def seconds_to_wait(timeout: float | None, spec: EcoDomainSpec, rollout: float) -> float:
    """How long to wait: as asked for, else as long as the spec gives the migration and the rollout."""
    if timeout is not None:
        return timeout
    migration = spec.migrations.timeout_seconds if spec.migrations is not None else 0
    return migration + rollout + MARGIN_SECONDS
