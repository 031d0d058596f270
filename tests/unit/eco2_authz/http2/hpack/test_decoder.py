"""The HPACK decoder: examples of RFC 7541, appendix C, and every reason to refuse."""

import pytest
from hpack import Encoder

from eco2_authz.http2.errors import ConnectionFault, ErrorCode
from eco2_authz.http2.hpack.decoder import Decoder, HeaderListTooLarge


def decoder(*, list_size: int = 16_384) -> Decoder:
    return Decoder(table_size=4_096, list_size=list_size)


def table(of: Decoder) -> list[tuple[bytes, bytes]]:
    return list(of._entries)


@pytest.mark.parametrize(
    ("block", "headers", "entries"),
    [
        ("400a637573746f6d2d6b65790d637573746f6d2d686561646572", [(b"custom-key", b"custom-header")], 1),
        ("040c2f73616d706c652f70617468", [(b":path", b"/sample/path")], 0),
        ("100870617373776f726406736563726574", [(b"password", b"secret")], 0),
        ("82", [(b":method", b"GET")], 0),
        ("", [], 0),
    ],
    ids=["indexed literal", "literal", "never indexed", "static", "nothing"],
)
def test_examples_of_appendix_c_2(block: str, headers: list[tuple[bytes, bytes]], entries: int) -> None:
    it = decoder()
    assert it.decode(bytes.fromhex(block)) == headers
    assert len(table(it)) == entries


@pytest.mark.parametrize(
    "blocks",
    [
        (
            "828684410f7777772e6578616d706c652e636f6d",
            "828684be58086e6f2d6361636865",
            "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
        ),
        (
            "828684418cf1e3c2e5f23a6ba0ab90f4ff",
            "828684be5886a8eb10649cbf",
            "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
        ),
    ],
    ids=["plain", "Huffman"],
)
def test_examples_of_appendix_c_3_and_4(blocks: tuple[str, ...]) -> None:
    it = decoder()
    first, second, third = (it.decode(bytes.fromhex(block)) for block in blocks)
    authority = (b":authority", b"www.example.com")
    assert first == [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), authority]
    assert second == [*first, (b"cache-control", b"no-cache")]
    assert third == [
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":path", b"/index.html"),
        authority,
        (b"custom-key", b"custom-value"),
    ]
    assert table(it) == [(b"custom-key", b"custom-value"), (b"cache-control", b"no-cache"), authority]
    assert it._size == 164


def test_a_block_means_the_same_while_the_version_is_the_same() -> None:
    it, encoder = decoder(), Encoder()
    versions = []
    for headers in ([("a", "b")], [("a", "b")], [(":method", "GET")], [("c", "d")]):
        it.decode(encoder.encode(headers))
        versions.append(it.version)
    first, *others = versions
    assert others == [first, first, first + 1]


def test_a_size_update_shrinks_the_table_and_changes_the_version() -> None:
    it = decoder()
    it.decode(b"\x40\x01a\x01b" + b"\x40\x01c\x01d")
    before = it.version
    assert it.decode(b"\x3f\x03") == []  # 34 octets: room for one
    assert table(it) == [(b"c", b"d")]
    assert it.version > before
    it.decode(b"\x20")
    assert table(it) == []


def test_an_entry_larger_than_the_table_empties_it() -> None:
    it = decoder()
    it.decode(b"\x40\x01a\x01b")
    it.decode(b"\x3f\x05" + b"\x40\x03abc\x03abc")  # the table has 36 octets, the entry 38
    assert table(it) == []
    it.decode(b"\x40\x02ab\x02ab")  # 36
    assert table(it) == [(b"ab", b"ab")]


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("80", "no such table entry"),
        ("be", "no such table entry"),
        ("7e0161", "no such table entry"),
        ("82e0", "no such table entry"),
        ("ff", "header block ends within a field"),
        ("40", "header block ends within a field"),
        ("400161", "header block ends within a field"),
        ("40017f", "header block ends within a field"),
        ("400261", "header block ends within a string"),
        ("4001617f", "header block ends within a field"),
        ("8220", "table size update after the first field"),
        ("202020", "a third table size update"),
        ("3fe21f", "table size update above SETTINGS_HEADER_TABLE_SIZE"),
        ("ff8080808001", "integer too large"),
        ("0081ff00", "padding is not the beginning of the end-of-string symbol, or longer than 7 bits"),
        ("0084ffffffff00", "the end-of-string symbol within a string"),
    ],
)
def test_refuses(block: str, message: str) -> None:
    with pytest.raises(ConnectionFault) as refusal:
        decoder().decode(bytes.fromhex(block))
    assert (refusal.value.code, refusal.value.message) == (ErrorCode.COMPRESSION_ERROR, message)


def test_the_largest_integer_has_four_octets_beyond_its_prefix() -> None:
    with pytest.raises(ConnectionFault, match="no such table entry"):
        decoder().decode(b"\xff\xff\xff\xff\x7f")


def test_a_size_update_may_come_twice() -> None:
    assert decoder().decode(b"\x20\x3f\xe1\x1f\x82") == [(b":method", b"GET")]


def test_a_small_block_cannot_name_a_large_entry_many_times() -> None:
    it = decoder(list_size=3_000)
    it.decode(b"\x40\x01a\x7f\x81\x06" + b"v" * 896)  # an entry of 929 octets
    assert len(it.decode(b"\xbe" * 3)) == 3
    with pytest.raises(HeaderListTooLarge) as refusal:
        it.decode(b"\xbe" * 4)
    assert refusal.value.code is ErrorCode.ENHANCE_YOUR_CALM


def test_a_list_may_be_exactly_as_large_as_allowed() -> None:
    assert decoder(list_size=42).decode(b"\x82") == [(b":method", b"GET")]
    with pytest.raises(HeaderListTooLarge):
        decoder(list_size=41).decode(b"\x82")


def test_long_huffman_strings_are_not_remembered_but_decoded() -> None:
    text = "0" * 300
    assert decoder().decode(Encoder().encode([("a", text)])) == [(b"a", text.encode())]
