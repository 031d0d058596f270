import pytest
from google.protobuf.wrappers_pb2 import BytesValue, StringValue, UInt64Value

from eco2_authz.protocol import wire


@pytest.mark.parametrize("value", [1, 127, 128, 16_383, 16_384, 2**32, 2**64 - 1])
def test_numbers(value: int) -> None:
    assert UInt64Value.FromString(wire.number(1, value)).value == value


@pytest.mark.parametrize("size", [1, 127, 128, 100_000])
def test_messages_and_texts(size: int) -> None:
    assert BytesValue.FromString(wire.message(1, b"\xff" * size)).value == b"\xff" * size
    assert StringValue.FromString(wire.text(1, "é" * size)).value == "é" * size


def test_fields_above_fifteen_take_two_octets() -> None:
    assert wire.number(16, 1) == b"\x80\x01\x01"
