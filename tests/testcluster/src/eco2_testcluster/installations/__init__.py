"""How the operator, and what it needs around it, get into a cluster: as a process beside it, or by charts."""

from __future__ import annotations

from typing import Protocol

from eco2_testcluster.examples import Examples
from eco2_testcluster.providers import Running


class Installation(Protocol):
    """Brings the operator into a provider's cluster."""

    @property
    def whereabouts(self) -> str:
        """Where to look when something does not work."""
        ...

    def install(self, running: Running, examples: Examples) -> bool:
        """Definitions, surroundings and the operator; whether an operator was started that did not run.

        Raises ClusterError.
        """
        ...

    def adapted(self, examples: Examples) -> Examples:
        """The examples as this cluster can run them."""
        ...

    def check(self) -> None:
        """Raise CommandError, with what it said last, when the operator does not run any more."""
        ...

    def finish(self, running: Running, examples: Examples) -> list[str]:
        """See that the whole answers, once every example has settled; lines for people that say how to use it."""
        ...

    def uninstall(self) -> list[str]:
        """Stop what `install` started beside the cluster; returns what that was."""
        ...
