"""Quantities, durations and the parts of a rule."""

from decimal import Decimal
from typing import ClassVar

import pytest
from pydantic import Field, ValidationError

from eco2_operator.model.base import SET, Model, Rule, keyed, milliseconds, quantity, without_nulls


class Pair(Model):
    """Two numbers in order."""

    rules: ClassVar = (Rule("self.low <= self.highEnd", "low is over highEnd", lambda p: p.low <= p.high_end),)
    low: int = Field(description="Low.")
    high_end: int = Field(description="High.")


class Bag(Model):
    """Lists that hold everything once."""

    pairs: list[Pair] | None = Field(None, description="By low.", json_schema_extra=keyed("low"))
    words: list[str] = Field([], description="Words.", json_schema_extra=SET)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("100m", "0.1"),
        ("2", "2"),
        ("0.5Gi", "536870912"),
        ("1k", "1000"),
        ("1E", "1000000000000000000"),
        ("1e3", "1000"),
        ("1Ei", "1152921504606846976"),
        ("5n", "0.000000005"),
    ],
)
def test_a_quantity_is_a_number(text: str, value: str) -> None:
    assert quantity(text) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "length"), [("60s", 60_000), ("1h30m", 5_400_000), ("9s999ms", 9_999), ("2m", 120_000)]
)
def test_a_duration_is_a_number_of_milliseconds(text: str, length: int) -> None:
    assert milliseconds(text) == length


def test_a_broken_rule_is_told_in_its_own_words() -> None:
    with pytest.raises(ValidationError, match="low is over highEnd"):
        Pair(low=2, high_end=1)


def test_a_keyed_list_holds_each_key_once() -> None:
    with pytest.raises(ValidationError, match="an earlier entry has the same low") as caught:
        Bag.model_validate({"pairs": [{"low": 1, "highEnd": 1}, {"low": 1, "highEnd": 2}]})
    assert caught.value.errors()[0]["ctx"]["field"] == ".pairs[1]"


def test_a_set_holds_each_value_once() -> None:
    with pytest.raises(ValidationError, match="an earlier entry has the same value"):
        Bag.model_validate({"words": ["a", "b", "a"]})


def test_text_is_no_number() -> None:
    with pytest.raises(ValidationError, match="valid integer"):
        Pair.model_validate({"low": "1", "highEnd": 2})


def test_a_model_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Pair(low=1, high_end=2).low = 0  # type: ignore[misc]


def test_nulls_disappear_from_objects_but_not_from_lists() -> None:
    assert without_nulls({"a": None, "b": [None, {"c": None, "d": 1}]}) == {"b": [None, {"d": 1}]}
