"""Header blocks of one connection, beside hpack's decoder."""

from contextlib import suppress
from random import Random
from typing import Final

from hpack import Decoder as Oracle
from hpack import Encoder, HPACKError, NeverIndexedHeaderTuple
from support.authz.differences.huffman import encoded, text
from support.authz.differences.mutations import mutated
from support.authz.differences.target import Case, Target

from eco2_authz.http2.errors import ConnectionFault, ErrorCode
from eco2_authz.http2.hpack.decoder import Decoder, HeaderListTooLarge
from eco2_authz.http2.limits import HEADER_TABLE

_LIST_SIZE: Final = 2_000
"""Small, so that lists that are too large are not rare; the rule is the same for each size."""
_STRICTER: Final = ("integer too large", "a third table size update")
"""Where we refuse more than hpack, and may: integers of more than four octets beyond the prefix (RFC 7541, 5.1: limits
are the decoder's), and a third size update in one block (section 4.2: an encoder never has more than two to send)."""

_NAMES: Final = (":method", ":path", ":authority", ":scheme", "content-type", "te", "cookie", "x-a", "grpc-timeout", "")
_VALUES: Final = ("POST", "GET", "/", "/a.B/C", "http", "application/grpc", "trailers", "200m", "")

_INDEXES: Final = (0, 1, 2, 2, 3, 4, 7, 15, 30, 31, 60, 61, 61, 62, 62, 63, 65, 126, 127, 200)


def _make(random: Random) -> Case:
    encoder = Encoder()
    blocks = []
    for _ in range(random.choice((1, 1, 2, 2, 3, 5))):
        block = _own(random) if random.random() < 0.35 else _encoded(random, encoder)
        blocks.append(mutated(random, block) if random.random() < 0.25 else block)
    return blocks


def _encoded(random: Random, encoder: Encoder) -> bytes:
    """As an honest encoder writes it."""
    if random.random() < 0.15:
        for _ in range(random.randint(1, 2)):
            encoder.header_table_size = random.choice((0, 33, 60, 200, HEADER_TABLE))
    headers = [_header(random) for _ in range(random.choice((0, 1, 2, 4, 7)))]
    return bytes(encoder.encode(headers, huffman=random.random() < 0.5))


def _header(random: Random) -> tuple[str, str] | NeverIndexedHeaderTuple:
    name = random.choice(_NAMES)
    value = random.choice(_VALUES) if random.random() < 0.6 else text(random).decode("latin-1")
    if random.random() < 0.1:
        return NeverIndexedHeaderTuple(name, value)
    return name, value


def _own(random: Random) -> bytes:
    """Any representations one after another, also such as no encoder would choose."""
    return b"".join(_representation(random) for _ in range(random.choice((1, 2, 3, 6))))


def _representation(random: Random) -> bytes:
    kind = random.randrange(8)
    if kind < 3:
        return _integer(random, random.choice(_INDEXES), 0x80, 0x7F)
    if kind == 3:
        return _integer(random, random.choice((0, 32, 33, 100, 1_000, HEADER_TABLE, HEADER_TABLE + 1)), 0x20, 0x1F)
    flags, mask = random.choice(((0x40, 0x3F), (0x00, 0x0F), (0x10, 0x0F)))
    index = random.choice((0, 0, 0, 1, 4, 14, 15, 31, 61, 62, 63, 70))
    name = b"" if index else _string(random)
    return _integer(random, index, flags, mask) + name + _string(random)


def _string(random: Random) -> bytes:
    data = text(random)
    if random.random() < 0.03:
        data *= 40
    if random.random() < 0.5:
        return _integer(random, len(data), 0x00, 0x7F) + data
    data = encoded(data)
    if data and random.random() < 0.1:
        data = data[:-1] + bytes([data[-1] ^ 1])
    return _integer(random, len(data), 0x80, 0x7F) + data


def _integer(random: Random, value: int, flags: int, mask: int) -> bytes:
    """An integer (RFC 7541, section 5.1), sometimes longer than need be."""
    if value < mask:
        return bytes([flags | value])
    octets, value = bytearray([flags | mask]), value - mask
    while value >= 0x80:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    if random.random() < 0.05:
        octets[-1] |= 0x80
        octets += b"\x80" * random.randint(0, 4) + b"\x00"
    return bytes(octets)


def _check(case: Case) -> None:
    oracle = Oracle(max_header_list_size=_LIST_SIZE)
    decoder = Decoder(table_size=HEADER_TABLE, list_size=_LIST_SIZE)
    for block in case:
        before, table = decoder.version, list(decoder._entries)
        expected, found, error = None, None, None
        with suppress(HPACKError):
            expected = [(bytes(name), bytes(value)) for name, value in oracle.decode(block, raw=True)]
        try:
            found = decoder.decode(block)
        except ConnectionFault as fault:
            error = fault
        if error is not None and error.message in _STRICTER:
            return
        assert found == expected, error
        if error is not None:  # after that, neither side's table means anything
            assert error.code is (
                ErrorCode.ENHANCE_YOUR_CALM if isinstance(error, HeaderListTooLarge) else ErrorCode.COMPRESSION_ERROR
            )
            return
        _compare_tables(decoder, oracle)
        # What is remembered for a block depends on this.
        assert decoder.version != before or list(decoder._entries) == table


def _compare_tables(decoder: Decoder, oracle: Oracle) -> None:
    entries = [(bytes(name), bytes(value)) for name, value in oracle.header_table.dynamic_entries]
    assert list(decoder._entries) == entries
    assert decoder._size == sum(len(name) + len(value) + 32 for name, value in entries)
    assert decoder._size <= decoder._capacity == oracle.header_table_size


TARGET: Final = Target("hpack", "header blocks of a connection beside hpack", _make, _check)
