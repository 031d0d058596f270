"""Frames: where each may be, and what is wrong with it (RFC 9113, sections 4 to 6)."""

from typing import Any

import pytest
from support.authz.http2_frames import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
    request_headers,
)
from support.authz.http2_peer import Peer, postpone

from eco2_authz.http2 import frames
from eco2_authz.http2.errors import ErrorCode

PROTOCOL, FLOW, CLOSED, SIZE, CALM = (
    ErrorCode.PROTOCOL_ERROR,
    ErrorCode.FLOW_CONTROL_ERROR,
    ErrorCode.STREAM_CLOSED,
    ErrorCode.FRAME_SIZE_ERROR,
    ErrorCode.ENHANCE_YOUR_CALM,
)


@pytest.fixture
def peer() -> Peer:
    return Peer()


def block(peer: Peer) -> bytes:
    octets: bytes = peer.encoder.encode(request_headers())
    return octets


def begun(peer: Peer, number: int = 1) -> HeadersFrame:
    """The first frame of a call, which is to be continued."""
    return HeadersFrame(number, block(peer), flags=["END_HEADERS"])


def raw(kind: int, flags: int, number: int, payload: bytes = b"") -> bytes:
    return frames.frame(kind, flags, number, payload)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (raw(frames.DATA, 0, 0, b"x"), PROTOCOL),
        (raw(frames.HEADERS, 4, 0, b"\x82"), PROTOCOL),
        (raw(frames.PRIORITY, 0, 0, bytes(5)), PROTOCOL),
        (raw(frames.RST_STREAM, 0, 0, bytes(4)), PROTOCOL),
        (raw(frames.CONTINUATION, 4, 0), PROTOCOL),
        (raw(frames.SETTINGS, 0, 1), PROTOCOL),
        (raw(frames.PING, 0, 1, bytes(8)), PROTOCOL),
        (raw(frames.GOAWAY, 0, 1, bytes(8)), PROTOCOL),
        (raw(frames.DATA, 0, 2, b"x"), PROTOCOL),
        (raw(frames.HEADERS, 4, 2, b"\x82"), PROTOCOL),
        (raw(frames.RST_STREAM, 0, 2, bytes(4)), PROTOCOL),
        (raw(frames.WINDOW_UPDATE, 0, 2, b"\0\0\0\1"), PROTOCOL),
        (raw(frames.DATA, 0, 1, b"x"), PROTOCOL),
        (raw(frames.RST_STREAM, 0, 1, bytes(4)), PROTOCOL),
        (raw(frames.WINDOW_UPDATE, 0, 1, b"\0\0\0\1"), PROTOCOL),
        (raw(frames.WINDOW_UPDATE, 0, 1, bytes(4)), PROTOCOL),
        (raw(frames.CONTINUATION, 4, 1, b"\x82"), PROTOCOL),
        (raw(frames.PUSH_PROMISE, 4, 1, bytes(4)), PROTOCOL),
        (raw(frames.RST_STREAM, 0, 1, bytes(3)), SIZE),
        (raw(frames.PING, 0, 0, bytes(7)), SIZE),
        (raw(frames.WINDOW_UPDATE, 0, 0, bytes(5)), SIZE),
        (raw(frames.GOAWAY, 0, 0, bytes(7)), SIZE),
        (raw(frames.SETTINGS, 0, 0, bytes(5)), SIZE),
        (raw(frames.SETTINGS, 1, 0, bytes(6)), SIZE),
        (raw(frames.HEADERS, 0x24, 1, bytes(4)), SIZE),
        (raw(frames.WINDOW_UPDATE, 0, 0, bytes(4)), PROTOCOL),
        (raw(frames.HEADERS, 0x0C, 1, b"\x03\x82\x82"), PROTOCOL),
        (raw(frames.PRIORITY, 0, 1, bytes(4)), SIZE),
        (raw(frames.PRIORITY, 0, 1, b"\0\0\0\1\0"), PROTOCOL),
        (raw(0x77, 0, 0, bytes(16_385)), SIZE),
    ],
)
def test_ends_the_connection(peer: Peer, frame: bytes, code: ErrorCode) -> None:
    (goaway,) = peer.send(frame)
    assert isinstance(goaway, GoAwayFrame)
    assert goaway.error_code == code


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (raw(frames.PRIORITY, 0, 1, bytes(4)), SIZE),
        (raw(frames.PRIORITY, 0, 1, b"\x80\0\0\1\0"), PROTOCOL),
        (raw(frames.WINDOW_UPDATE, 0, 1, bytes(4)), PROTOCOL),
        (raw(frames.WINDOW_UPDATE, 0, 1, b"\x7f\xff\xff\xff"), FLOW),
        (raw(frames.HEADERS, 0x25, 1, b"\0\0\0\1\0\x82"), PROTOCOL),
        (raw(frames.HEADERS, 4, 1, b"\x82"), PROTOCOL),
        (raw(frames.HEADERS, 5, 1, b"\x82"), PROTOCOL),
    ],
    ids=["length", "itself", "nothing", "overflow", "trailers of itself", "trailers that go on", "pseudo trailers"],
)
def test_ends_an_open_stream_alone(peer: Peer, frame: bytes, code: ErrorCode) -> None:
    peer.send(begun(peer))
    (reset,) = peer.send(frame)
    assert isinstance(reset, RstStreamFrame)
    assert (reset.stream_id, reset.error_code) == (1, code)
    assert peer.fault is None
    assert peer.connection.unanswered == 0
    assert len(peer.call(3, b"question")) == 3


@pytest.mark.parametrize(
    "frame",
    [
        raw(frames.PRIORITY, 0, 1, b"\0\0\0\3\x10"),
        raw(frames.PRIORITY, 0, 99, b"\0\0\0\3\x10"),
        raw(frames.WINDOW_UPDATE, 0, 0, b"\x80\0\0\1"),
        raw(frames.WINDOW_UPDATE, 0, 1, b"\0\0\0\1"),
        raw(frames.RST_STREAM, 0, 1, bytes(4)),
        raw(frames.PING, 1, 0, bytes(8)),
        raw(frames.GOAWAY, 0, 0, bytes(8) + b"why"),
        raw(0x10, 0xFF, 0, b"\0\0\0\1u=1"),
        raw(0xFF, 0xFF, 77),
    ],
    ids=["priority", "of an idle stream", "window", "of a closed stream", "reset", "pong", "goaway", "0x10", "0xff"],
)
def test_is_passed_over(peer: Peer, frame: bytes) -> None:
    peer.call(1)
    assert peer.send(frame) == []
    assert len(peer.call(3, b"question")) == 3


def test_a_ping_is_answered(peer: Peer) -> None:
    (pong,) = peer.send(PingFrame(opaque_data=b"12345678"))
    assert (pong.opaque_data, set(pong.flags)) == (b"12345678", {"ACK"})


def test_unknown_flags_are_ignored(peer: Peer) -> None:
    found = peer.send(raw(frames.HEADERS, 0x4 | 0x50, 1, block(peer)), raw(frames.DATA, 0x1 | 0x76, 1, b"question"))
    assert [type(frame) for frame in found] == [HeadersFrame, DataFrame, HeadersFrame]


# -- header blocks ---------------------------------------------------------------------------------------------------


def split(peer: Peer, number: int, pieces: int) -> list[Frame]:
    octets = block(peer)
    cuts = [octets[at : at + 1] for at in range(pieces - 1)]
    first, *others = [*cuts, octets[pieces - 1 :]]
    found: list[Frame] = [HeadersFrame(number, first, flags=["END_STREAM"])]
    found += [ContinuationFrame(number, piece) for piece in others]
    found[-1].flags.add("END_HEADERS")
    return found


@pytest.mark.parametrize("pieces", [2, 3, 9])
def test_a_header_block_in_pieces(peer: Peer, pieces: int) -> None:
    peer.send(*split(peer, 1, pieces))
    (head,) = peer.answers.heads
    assert head.path.endswith(b"/Check")


def test_a_header_block_in_too_many_pieces(peer: Peer) -> None:
    peer.send(*split(peer, 1, 10))
    assert peer.fault == (CALM, "a header block too large, or of too many frames")


def test_a_header_block_that_is_too_large(peer: Peer) -> None:
    peer.send(HeadersFrame(1, bytes(16_384)), ContinuationFrame(1, b""))
    assert peer.fault is None
    peer.send(ContinuationFrame(1, bytes(1)))
    assert peer.fault == (CALM, "a header block too large, or of too many frames")


@pytest.mark.parametrize(
    "frame",
    [
        PingFrame(opaque_data=bytes(8)),
        ContinuationFrame(3, b""),
        HeadersFrame(1, b"", flags=["END_HEADERS"]),
        DataFrame(1, b""),
        raw(0x77, 0, 1),
    ],
    ids=repr,
)
def test_nothing_comes_between_the_pieces_of_a_header_block(peer: Peer, frame: Any) -> None:
    peer.send(HeadersFrame(1, b"\x82"), frame)
    assert peer.fault == (PROTOCOL, "another frame within a header block")


def test_the_quick_way_is_not_taken_within_a_header_block(peer: Peer) -> None:
    peer.call(1)
    peer.call(3)
    call = begun(peer, 5).serialize() + DataFrame(5, b"", flags=["END_STREAM"]).serialize()
    peer.send(HeadersFrame(5, b"\x82"), call)
    assert peer.fault == (PROTOCOL, "another frame within a header block")


def test_padding_and_priority_are_taken_off(peer: Peer) -> None:
    head = HeadersFrame(1, block(peer), pad_length=9, depends_on=7, flags=["END_HEADERS", "PADDED", "PRIORITY"])
    body = DataFrame(1, b"question", pad_length=200, flags=["END_STREAM", "PADDED"])
    assert len(peer.send(head, body)) == 3
    assert peer.answers.bodies == [b"question"]


def test_a_stream_that_depends_on_itself_ends_when_its_header_block_does(peer: Peer) -> None:
    octets = block(peer)
    head = HeadersFrame(1, octets[:3], depends_on=1, flags=["PRIORITY"])
    (reset,) = peer.send(head, ContinuationFrame(1, octets[3:], flags=["END_HEADERS"]))
    assert (reset.stream_id, reset.error_code) == (1, PROTOCOL)
    assert len(peer.call(3, b"question")) == 3  # the table is the same on both sides


# -- frames that ask nothing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [
        PingFrame(opaque_data=bytes(8)),
        PingFrame(opaque_data=bytes(8), flags=["ACK"]),
        SettingsFrame(),
        SettingsFrame(flags=["ACK"]),
        SettingsFrame(settings={SettingsFrame.INITIAL_WINDOW_SIZE: 9}),
        PriorityFrame(99, depends_on=1),
        WindowUpdateFrame(0, 1),
        WindowUpdateFrame(1, 1),
        RstStreamFrame(1),
        GoAwayFrame(),
        DataFrame(3, b""),
        DataFrame(3, b"x" * 63),
        DataFrame(5, b"x"),
        raw(0x77, 0, 0),
    ],
    ids=repr,
)
def test_too_many_frames_that_ask_nothing(frame: Any) -> None:
    peer = Peer(control_frames=50, body=100_000)
    peer.call(1)
    peer.send(begun(peer, 3), begun(peer, 5), raw(frames.WINDOW_UPDATE, 0, 5, bytes(4)))  # 3 is open, 5 was reset
    peer.send(*[frame] * 40)
    assert peer.fault is None
    peer.send(*[frame] * 40)
    assert peer.fault == (CALM, "too many frames that ask nothing")


def test_data_worth_its_frame_is_welcome() -> None:
    peer = Peer(control_frames=50, body=100_000)
    peer.send(begun(peer), *[DataFrame(1, b"x" * 64)] * 1_000)
    assert peer.fault is None


def test_settings_cost_more_the_more_there_are() -> None:
    peer = Peer(control_frames=300)
    settings = raw(frames.SETTINGS, 0, 0, frames.SETTING.pack(0x99, 1) * 1_000)
    peer.send(settings, settings, settings)
    assert peer.fault is None
    peer.send(settings)
    assert peer.fault == (CALM, "too many frames that ask nothing")


def test_settings_cost_more_with_many_calls_open() -> None:
    peer = Peer(control_frames=200)
    postpone(peer)
    for number in range(1, 801, 2):
        peer.call(number)
    change = SettingsFrame(settings={SettingsFrame.INITIAL_WINDOW_SIZE: 9})
    peer.send(*[change] * 2)
    assert peer.fault is None
    peer.send(*[change] * 8)
    assert peer.fault == (CALM, "too many frames that ask nothing")


@pytest.mark.parametrize(
    "frame",
    [RstStreamFrame, lambda number: raw(frames.WINDOW_UPDATE, 0, number, bytes(4))],
    ids=["rapid reset", "made you reset"],
)
def test_too_many_calls_cancelled(frame: Any) -> None:
    peer = Peer(resets=20)
    sent: list[Any] = []
    for number in range(1, 80, 2):
        sent += [begun(peer, number), frame(number)]
    peer.send(*sent[:40])
    assert peer.fault is None
    peer.send(*sent[40:])
    assert peer.fault == (CALM, "too many calls cancelled")
