"""Our header blocks: read by hpack, and without any trace in its table."""

from hpack import Decoder

from eco2_authz.http2.hpack.encoder import encode


def test_what_is_written_is_what_is_read_and_no_table_is_used() -> None:
    headers = [
        (b":status", b"200"),
        (b":status", b"418"),
        (b"content-type", b"application/grpc"),
        (b"x-" + b"n" * 126, b"v" * 500),
        (b"", b""),
        (b"grpc-message", b"v" * 126),
        (b"grpc-message", b"v" * 127),
        (b"grpc-message", b"v" * 20_000),
    ]
    decoder = Decoder()
    assert [(bytes(name), bytes(value)) for name, value in decoder.decode(encode(headers), raw=True)] == headers
    assert not decoder.header_table.dynamic_entries


def test_what_the_static_table_holds_is_one_octet() -> None:
    assert encode([(b":status", b"200"), (b":method", b"POST")]) == b"\x88\x83"


def test_names_of_the_static_table_are_an_index() -> None:
    assert encode([(b"server", b"a")]) == b"\x0f\x27\x01a"  # 54 takes an octet beyond the prefix
