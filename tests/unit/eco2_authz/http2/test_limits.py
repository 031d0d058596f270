"""Bounds that make sense, and some that do not."""

from dataclasses import fields

import pytest

from eco2_authz.http2.limits import Limits


def test_the_defaults_do() -> None:
    Limits()


def test_the_least() -> None:
    Limits(streams=1, body=65_535, connection_window=65_536, header_list=1, control_frames=1, resets=1, handshake=0.001)


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
@pytest.mark.parametrize("value", [0, -1])
def test_every_bound_is_above_zero(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"^{name} has to be above 0"):
        Limits(**{name: value})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"body": 65_534}, "body has to be"),
        ({"body": 2**31, "connection_window": 2**31}, "body has to be"),
        ({"body": 65_535, "connection_window": 65_535}, "connection_window has to be"),
        ({"body": 100_000, "connection_window": 99_999}, "connection_window has to be"),
        ({"connection_window": 2**31}, "connection_window has to be"),
        ({"header_block": 16_383}, "header_block has to be"),
    ],
)
def test_bounds_that_contradict_the_protocol_or_each_other(values: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Limits(**values)  # type: ignore[arg-type]
