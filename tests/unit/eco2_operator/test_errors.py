"""The tree of errors, as its module tells it."""

import inspect
import re
from collections.abc import Iterator

import pytest

from eco2_operator import errors
from eco2_operator.errors import ChildError, Eco2Error, ParameterRefused, SecretError
from eco2_operator.failures import ManagerConflict


def tree(root: type[Eco2Error] = Eco2Error) -> Iterator[type[Eco2Error]]:
    yield root
    for below in root.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from tree(below)


ALL = list(tree())


def test_the_docstring_shows_every_error_under_its_parent() -> None:
    drawn: dict[str, int] = {}
    for line in inspect.getdoc(errors).splitlines():  # type: ignore[union-attr]
        found = re.match(r"(?P<branch>[│├└─ ]*)(?P<name>[A-Z]\w+)( {2,}|$)", line)
        if found:
            drawn[found["name"]] = len(found["branch"])
    assert {name: depth // 4 for name, depth in drawn.items()} == {e.__name__: len(e.__mro__) - 4 for e in ALL}


@pytest.mark.parametrize("error", [*ALL, ManagerConflict])
def test_every_reason_is_one_camel_case_word(error: type[Eco2Error]) -> None:
    assert re.fullmatch(r"([A-Z][a-z]+)+", error.reason)


def test_every_error_of_a_child_or_of_what_is_read_can_be_retried_and_no_other() -> None:
    outside = {e for e in ALL if issubclass(e, ChildError | SecretError)} - {ParameterRefused}
    assert {e for e in ALL if e.retryable} == outside


def test_reasons_are_told_apart() -> None:
    reasons = [e.reason for e in ALL]
    assert len(set(reasons)) == len(reasons)
