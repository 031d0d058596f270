"""Heads of requests: what is one, and what it says."""

import pytest

from eco2_authz.http2.errors import ErrorCode, StreamFault
from eco2_authz.http2.hpack.static_table import Header
from eco2_authz.http2.request import check_trailers, parse

METHOD, SCHEME, PATH = (b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a.B/C")
GOOD = [METHOD, SCHEME, PATH, (b":authority", b"here")]


def test_a_head() -> None:
    head = parse([*GOOD, (b"te", b"trailers"), (b"x", b"1"), (b"content-length", b"12"), (b"x", b"2 3"), (b"y", b"")])
    assert (head.method, head.path, head.content_length) == (b"POST", b"/a.B/C", 12)
    assert head.fields == {b"te": b"trailers", b"x": b"1, 2 3", b"content-length": b"12", b"y": b""}


def test_a_head_without_anything_that_may_be_left_out() -> None:
    head = parse([PATH, SCHEME, METHOD])
    assert (head.fields, head.content_length) == ({}, None)


def test_options_may_ask_for_the_server_as_a_whole() -> None:
    assert parse([(b":method", b"OPTIONS"), SCHEME, (b":path", b"*")]).path == b"*"


@pytest.mark.parametrize("value", [b"a", b"a b", b"a\tb", b"\xff", b"(", b"a" * 10_000, b" ".join([b"a"] * 5_000)])
def test_values(value: bytes) -> None:
    assert parse([*GOOD, (b"x", value)]).fields[b"x"] == value


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [SCHEME, PATH],
        [METHOD, PATH],
        [METHOD, SCHEME],
        [METHOD, SCHEME, (b":path", b"")],
        [METHOD, SCHEME, (b":path", b"a.B/C")],
        [METHOD, SCHEME, (b":path", b"*")],
        [METHOD, SCHEME, (b":path", b"http://here/a.B/C")],
        [(b":method", b"CONNECT"), (b":authority", b"here:1")],
        [(b":method", b""), SCHEME, PATH],
        [METHOD, (b":scheme", b""), PATH],
        [METHOD, METHOD, SCHEME, PATH],
        [METHOD, SCHEME, PATH, (b":path", b"/other")],
        [*GOOD, (b":status", b"200")],
        [*GOOD, (b":protocol", b"websocket")],
        [*GOOD, (b":", b"")],
        [METHOD, SCHEME, (b"x", b"y"), PATH],
        [METHOD, SCHEME, (b":path", b"/a\nb")],
        [*GOOD, (b"X", b"y")],
        [*GOOD, (b"", b"y")],
        [*GOOD, (b"a b", b"y")],
        [*GOOD, (b"a:b", b"y")],
        [*GOOD, (b"\xe9", b"y")],
        [*GOOD, (b"x", b" y")],
        [*GOOD, (b"x", b"y ")],
        [*GOOD, (b"x", b"\ty")],
        [*GOOD, (b"x", b" ")],
        [*GOOD, (b"x", b"y\r\nz")],
        [*GOOD, (b"x", b"y\x00z")],
        [*GOOD, (b"x", b"y\n")],
        [*GOOD, (b"connection", b"close")],
        [*GOOD, (b"keep-alive", b"1")],
        [*GOOD, (b"proxy-connection", b"close")],
        [*GOOD, (b"transfer-encoding", b"chunked")],
        [*GOOD, (b"upgrade", b"h2c")],
        [*GOOD, (b"te", b"gzip")],
        [*GOOD, (b"te", b"trailers, gzip")],
        [*GOOD, (b"content-length", b"")],
        [*GOOD, (b"content-length", b"-1")],
        [*GOOD, (b"content-length", b"1a")],
        [*GOOD, (b"content-length", b"\xb2")],
        [*GOOD, (b"content-length", b"1" * 19)],
        [*GOOD, (b"content-length", b"5"), (b"content-length", b"5")],
    ],
    ids=lambda headers: repr(headers[-1] if headers else "nothing"),
)
def test_malformed_heads(headers: list[Header]) -> None:
    with pytest.raises(StreamFault) as refusal:
        parse(headers)
    assert refusal.value.code is ErrorCode.PROTOCOL_ERROR


def test_trailers() -> None:
    check_trailers([(b"grpc-status", b"0"), (b"x", b"")])


@pytest.mark.parametrize("header", [METHOD, (b"X", b""), (b"x", b"\n"), (b"connection", b"close")])
def test_malformed_trailers(header: Header) -> None:
    with pytest.raises(StreamFault):
        check_trailers([header])


def test_a_value_of_spaces_takes_no_longer_than_its_length() -> None:
    # The pattern must not look at each pair of places: this would take hours.
    with pytest.raises(StreamFault):
        parse([*GOOD, (b"x", b"a" + b" " * 1_000_000)])
