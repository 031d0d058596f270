"""What a check found."""

from dataclasses import asdict, dataclass
from enum import StrEnum

from eco2_operator.naming import Manifest


class State(StrEnum):
    """How a finding counts."""

    OK = "OK"
    MISSING = "MISSING"
    """Something will not work until it is mended."""
    OPTIONAL = "OPTIONAL"
    """Everything works; something more would work with it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table."""

    state: State
    check: str
    detail: str
    todo: str = ""

    def as_data(self) -> Manifest:
        """For ``-o json`` and ``-o yaml``."""
        return {**asdict(self), "state": str(self.state)}


def ok(check: str, detail: str) -> Finding:
    """All is well."""
    return Finding(State.OK, check, detail)


def missing(check: str, detail: str, todo: str) -> Finding:
    """Something required is not there."""
    return Finding(State.MISSING, check, detail, todo)


def optional(check: str, detail: str, todo: str = "") -> Finding:
    """Something is not there that need not be."""
    return Finding(State.OPTIONAL, check, detail, todo)
