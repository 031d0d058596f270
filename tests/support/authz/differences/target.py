"""What is compared: a name, how cases are made, and how one is checked."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

Case = list[bytes]
_LONGEST = 4_000
"""Digits of a case that are shown."""


@dataclass(frozen=True)
class Target:
    """One comparison.

    Args:
        make: a case, from nothing but the numbers it is given.
        check: raises AssertionError when the case shows a difference, and whatever the code under test lets out.
    """

    name: str
    what: str
    make: Callable[[Random], Case]
    check: Callable[[Case], None]


class Difference(AssertionError):
    """A case that failed; says how to see it again."""


def run(target: Target, seed: int, cases: int) -> None:
    """Make and check so many cases. Raises Difference, caused by what was wrong."""
    random = Random(seed)  # noqa: S311 - to be repeated, not to be secret
    for index in range(cases):
        case = target.make(random)
        try:
            target.check(case)
        except Exception as error:
            raise Difference(_description(target, seed, index, case)) from error


def _description(target: Target, seed: int, index: int, case: Case) -> str:
    shown = ",".join(part.hex() for part in case)
    again = f"--case {shown}" if len(shown) <= _LONGEST else f"--seed {seed} --cases {index + 1}"
    return (
        f"{target.name}: case {index} of seed {seed} fails; again with\n"
        f"  PYTHONPATH=tests python -m fuzz --only {target.name} {again}"
    )
