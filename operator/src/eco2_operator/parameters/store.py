"""What a parameter store gives."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from eco2_operator.errors import SecretError


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as it was read. Its value is left out of its representation."""

    name: str
    value: str = field(repr=False)
    version: int
    """Counts up with every change."""


Answers = dict[str, Parameter | SecretError]
"""By the name of the parameter: what it is, or why it could not be read."""


class ParameterStore(Protocol):
    """Reads parameters by name."""

    async def read(self, names: Sequence[str], *, region: str | None = None) -> Answers:
        """Every parameter of these names, or the error in its place: an answer for each name, and never an exception.

        Args:
            region: where to look; None: the operator's own region.
        """

    async def close(self) -> None:
        """Let go of threads and connections."""
