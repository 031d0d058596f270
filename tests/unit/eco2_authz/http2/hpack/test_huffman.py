"""Huffman strings (RFC 7541, section 5.2 and appendix B)."""

import pytest
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

from eco2_authz.http2.hpack.huffman import HuffmanError, decode
from eco2_authz.http2.hpack.huffman_code import CODES

ENCODER = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)


def test_the_code_is_that_of_the_appendix() -> None:
    assert list(CODES) == list(zip(REQUEST_CODES, REQUEST_CODES_LENGTH, strict=True))


@pytest.mark.parametrize("symbol", range(256))
def test_every_symbol_at_every_place_within_an_octet(symbol: int) -> None:
    for before in range(8):
        text = b"0" * before + bytes([symbol]) + b"a"  # "0" has 5 bits: the symbol begins at each bit
        assert decode(ENCODER.encode(text)) == text


def test_nothing() -> None:
    assert decode(b"") == b""


@pytest.mark.parametrize("octets", ["ff", "07ff", "06", "00"], ids=["8", "8 after 0", "zeros", "cut"])
def test_padding_is_at_most_seven_ones(octets: str) -> None:
    with pytest.raises(HuffmanError, match="padding"):
        decode(bytes.fromhex(octets))


def test_no_end_of_string_within() -> None:
    with pytest.raises(HuffmanError, match="end-of-string"):
        decode(bytes.fromhex("fffffffc"))
