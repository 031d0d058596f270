"""Huffman strings, beside hpack's decoder."""

from random import Random
from typing import Final

from hpack.exceptions import HPACKDecodingError
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.huffman_table import decode_huffman
from support.authz.differences.mutations import mutated
from support.authz.differences.target import Case, Target

from eco2_authz.http2.hpack import huffman

_ENCODER: Final = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)
_VISIBLE: Final = bytes(range(0x20, 0x7F))


def text(random: Random) -> bytes:
    """Any string: mostly what headers hold, sometimes any octets."""
    size = random.choice((0, 1, 2, 3, 5, 8, 13, 30, 70))
    if random.random() < 0.7:
        return bytes(random.choices(_VISIBLE, k=size))
    return random.randbytes(size)


def encoded(data: bytes) -> bytes:
    """A Huffman string."""
    return bytes(_ENCODER.encode(data))


def _make(random: Random) -> Case:
    choice = random.random()
    if choice < 0.3:
        return [encoded(text(random))]
    if choice < 0.7:
        return [mutated(random, encoded(text(random)))]
    return [random.randbytes(random.randint(0, 40))]


def _check(case: Case) -> None:
    (data,) = case
    expected: bytes | None
    found: bytes | None
    try:
        expected = bytes(decode_huffman(data))
    except HPACKDecodingError:
        expected = None
    try:
        found = huffman.decode(data)
    except huffman.HuffmanError:
        found = None
    assert found == expected
    if found is not None:
        # Only one string has this meaning: that is what makes padding strict.
        assert encoded(found) == data


TARGET: Final = Target("huffman", "Huffman strings beside hpack", _make, _check)
