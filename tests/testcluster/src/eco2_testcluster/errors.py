"""What can go wrong, as one tree; every message says what, where and what to do.

ClusterError
├── BinaryError           a program of the cluster cannot be had
│   ├── ToolchainError    there is no Go that can build it
│   └── BuildError        Go refused to build it
├── StartError            a component did not come up
│   └── PortInUseError    because somebody else took its port (start again with other ports)
├── StateError            the state folder does not hold what was expected
├── ApiError              the API server answered with an error
├── CommandError          a command (kubectl, kind, the operator) failed
└── ProviderError         the chosen provider cannot be used on this machine
"""

from __future__ import annotations


class ClusterError(Exception):
    """The root: whatever the local cluster could not do, with a message for the user."""


class BinaryError(ClusterError):
    """A program of the cluster cannot be had from any source."""


class ToolchainError(BinaryError):
    """There is no Go toolchain that is new enough, and none could be installed."""


class BuildError(BinaryError):
    """Go could not build a program; the message ends with the tail of its output."""


class StartError(ClusterError):
    """A component exited or did not become ready in time; the message ends with the tail of its log."""


class PortInUseError(StartError):
    """A component could not bind its port: another process took it between choice and start."""


class StateError(ClusterError):
    """The state folder holds no cluster, or one that this version cannot read."""


class ApiError(ClusterError):
    """The API server answered a request with an error status."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class CommandError(ClusterError):
    """A command failed; the message holds the end of its output."""


class ProviderError(ClusterError):
    """The chosen provider cannot be used here."""
