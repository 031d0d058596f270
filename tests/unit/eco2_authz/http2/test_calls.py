"""Calls: from their frames to answers, and what the peer may send."""

from typing import Any

import pytest
from support.authz.http2_frames import (
    DataFrame,
    HeadersFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
    request_headers,
)
from support.authz.http2_peer import Peer, response

from eco2_authz.http2.application import Response
from eco2_authz.http2.errors import ErrorCode
from eco2_authz.http2.memory import CALL


@pytest.fixture
def peer() -> Peer:
    return Peer()


def head(peer: Peer, number: int, *more: tuple[str, str], flags: Any = ("END_HEADERS",)) -> HeadersFrame:
    return HeadersFrame(number, peer.encoder.encode(request_headers("/a.B/C", *more)), flags=list(flags))


def end(number: int, body: bytes = b"") -> DataFrame:
    return DataFrame(number, body, flags=["END_STREAM"])


def resets(found: list[Any]) -> list[tuple[int, int]]:
    return [(frame.stream_id, frame.error_code) for frame in found if isinstance(frame, RstStreamFrame)]


def postpone(peer: Peer) -> None:
    peer.answers.answer = lambda body: object()  # type: ignore[assignment,return-value]


# -- what a call is --------------------------------------------------------------------------------------------------


def test_a_body_in_pieces(peer: Peer) -> None:
    peer.send(head(peer, 1), DataFrame(1, b"what "), DataFrame(1, b""), DataFrame(1, b"is"))
    assert peer.answers.bodies == []
    answer, body, trailers = peer.send(end(1, b" it?"))
    assert peer.answers.bodies == [b"what is it?"]
    assert (answer.headers, body.data) == ({":status": "200"}, b"what is it?")
    assert trailers.headers == {"grpc-status": "0"}
    assert "END_STREAM" in trailers.flags


def test_a_call_without_a_body(peer: Peer) -> None:
    peer.send(head(peer, 1, flags=["END_HEADERS", "END_STREAM"]))
    assert peer.answers.bodies == [b""]


def test_a_call_that_ends_with_trailers(peer: Peer) -> None:
    trailers = HeadersFrame(1, b"\x00\x01x\x01y", flags=["END_HEADERS", "END_STREAM"])
    assert len(peer.send(head(peer, 1), DataFrame(1, b"question"), trailers)) == 3
    assert peer.answers.bodies == [b"question"]


@pytest.mark.parametrize("length", [0, 8])
def test_a_body_as_long_as_was_said(peer: Peer, length: int) -> None:
    for number in (1, 3, 5):  # known header blocks too
        peer.send(head(peer, number, ("content-length", str(length))), end(number, b"q" * length))
    assert peer.answers.bodies == [b"q" * length] * 3


@pytest.mark.parametrize("length", [7, 9])
def test_a_body_of_another_length_than_was_said(peer: Peer, length: int) -> None:
    for number in (1, 3, 5):
        found = peer.send(head(peer, number, ("content-length", str(length))), end(number, b"question"))
        assert resets(found) == [(number, ErrorCode.PROTOCOL_ERROR)]
    assert peer.answers.bodies == []
    assert peer.buffered.octets == 0


def test_no_body_where_one_was_said(peer: Peer) -> None:
    found = peer.send(head(peer, 1, ("content-length", "1"), flags=["END_HEADERS", "END_STREAM"]))
    assert resets(found) == [(1, ErrorCode.PROTOCOL_ERROR)]


def test_malformed_heads_are_refused_every_time(peer: Peer) -> None:
    for number in (1, 3, 5):
        assert resets(peer.send(head(peer, number, ("te", "gzip")))) == [(number, ErrorCode.PROTOCOL_ERROR)]
    assert peer.answers.heads == []


def test_the_same_octets_mean_another_head_after_the_table_has_changed(peer: Peer) -> None:
    remember = b"\x83\x86\x44\x02/"
    for number, path in ((1, b"a"), (5, b"b")):
        peer.send(HeadersFrame(number, remember + path, flags=["END_HEADERS"]), end(number))
        peer.send(HeadersFrame(number + 2, b"\x83\x86\xbe", flags=["END_HEADERS"]), end(number + 2))
    assert [head.path for head in peer.answers.heads] == [b"/a", b"/a", b"/b", b"/b"]


def test_only_so_many_header_blocks_are_known(peer: Peer) -> None:
    for number in range(1, 101, 2):
        block = b"\x83\x86\x04\x04/%03d" % number
        peer.send(HeadersFrame(number, block, flags=["END_HEADERS"]), end(number))
    assert 0 < len(peer.connection._calls.known) <= 16
    long = b"\x83\x86\x04\x7f\x80\x04/" + b"x" * 638
    peer.connection._calls.known.clear()
    peer.send(HeadersFrame(101, long, flags=["END_HEADERS"]), end(101))
    assert peer.connection._calls.known == {}


# -- streams that have ended -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("frame", ["data", "headers"])
def test_more_of_a_request_that_has_ended(peer: Peer, frame: str) -> None:
    postpone(peer)
    peer.call(1, b"question")
    found = peer.send(end(1, b"more") if frame == "data" else head(peer, 1, flags=["END_HEADERS", "END_STREAM"]))
    assert resets(found) == [(1, ErrorCode.STREAM_CLOSED)]
    assert peer.later.cancelled == 1
    assert peer.fault is None


@pytest.mark.parametrize("frame", ["data", "headers"])
def test_more_of_a_call_that_is_answered(peer: Peer, frame: str) -> None:
    peer.call(1, b"question")
    peer.send(end(1, b"more") if frame == "data" else head(peer, 1))
    assert peer.fault == (ErrorCode.STREAM_CLOSED, "a frame of a closed stream")


@pytest.mark.parametrize("frame", ["data", "headers", "reset", "window"])
def test_more_of_a_call_that_we_have_reset(peer: Peer, frame: str) -> None:
    peer.send(head(peer, 1, ("te", "gzip")))
    window, reset = WindowUpdateFrame(1, 1), RstStreamFrame(1)
    sent = {"data": end(1, b"x"), "headers": head(peer, 1), "reset": reset, "window": window}
    assert peer.send(sent[frame]) == []
    assert peer.fault is None
    assert len(peer.call(3, b"question")) == 3


@pytest.mark.parametrize("frame", ["data", "headers"])
def test_more_of_a_call_that_was_passed_over(peer: Peer, frame: str) -> None:
    peer.call(5, b"question")
    peer.send(end(3) if frame == "data" else head(peer, 3))
    assert peer.fault == (ErrorCode.PROTOCOL_ERROR, "a frame of an idle stream")


# -- too much --------------------------------------------------------------------------------------------------------


def test_too_many_calls_at_a_time() -> None:
    peer = Peer(streams=2)
    postpone(peer)
    for number in (1, 3):
        peer.call(number)
    for number in (5, 7, 9):
        assert resets(peer.call(number)) == [(number, ErrorCode.REFUSED_STREAM)]
    peer.later.give(b"answer")
    peer.read()
    assert resets(peer.call(11)) == []
    assert peer.connection.unanswered == 2


def test_too_much_held_by_all_connections_together() -> None:
    one, other = Peer(buffered=5_000), Peer()
    other.connection._calls._buffered = one.buffered
    one.send(head(one, 1), DataFrame(1, bytes(5_000)))
    assert resets(other.call(1)) == [(1, ErrorCode.REFUSED_STREAM)]
    one.send(RstStreamFrame(1))
    assert resets(other.call(3)) == []


def test_every_open_call_counts_beside_its_body() -> None:
    peer = Peer()
    postpone(peer)
    peer.call(1, b"question")
    assert peer.buffered.octets == CALL
    peer.send(head(peer, 3), DataFrame(3, b"x" * 100, pad_length=9, flags=["PADDED"]))
    assert peer.buffered.octets == 2 * CALL + 110
    peer.send(end(3))
    assert peer.buffered.octets == 2 * CALL
    peer.later.give(b"answer")
    peer.later.give(b"answer")
    assert peer.buffered.octets == 0


BODY = 65_535


def full(number: int, octets: int) -> list[DataFrame]:
    """So many octets of a body that does not end."""
    whole, rest = divmod(octets, 16_384)
    return [*[DataFrame(number, bytes(16_384))] * whole, DataFrame(number, bytes(rest))]


def test_a_body_as_large_as_may_be() -> None:
    peer = Peer(body=BODY)
    *data, last = full(1, BODY)
    last.flags.add("END_STREAM")
    peer.answers.answer = lambda body: response(b"fine")
    assert [frame.data for frame in peer.send(head(peer, 1), *data, last) if isinstance(frame, DataFrame)] == [b"fine"]
    assert peer.answers.bodies == [bytes(BODY)]


def test_a_body_that_is_too_large_gets_an_answer_at_once() -> None:
    peer = Peer(body=BODY)
    found = peer.send(head(peer, 1), *full(1, BODY))
    assert [frame.data for frame in found if isinstance(frame, DataFrame)] == [b"too large"]
    assert resets(found) == [(1, ErrorCode.NO_ERROR)]
    assert peer.answers.bodies == []
    assert peer.buffered.octets == 0


def test_a_body_that_is_too_large_when_the_answer_does_not_fit() -> None:
    peer = Peer(body=BODY)
    peer.send(SettingsFrame(settings={SettingsFrame.INITIAL_WINDOW_SIZE: 3}))
    found = peer.send(head(peer, 1), *full(1, BODY))
    assert resets(found) == [(1, ErrorCode.ENHANCE_YOUR_CALM)]
    assert peer.connection.unanswered == 0
    assert peer.send(WindowUpdateFrame(1, 100)) == []


def test_an_answer_that_needs_no_body_waits_for_none(peer: Peer) -> None:
    peer.answers.prompt = Response(b"\x8d", b"", None)
    for number in (1, 3, 5):
        answer, reset = peer.send(head(peer, number))
        assert set(answer.flags) == {"END_HEADERS", "END_STREAM"}
        assert (reset.stream_id, reset.error_code) == (number, ErrorCode.NO_ERROR)
        assert peer.send(DataFrame(number, b"more"), end(number)) == []
    assert peer.answers.bodies == []
    assert peer.buffered.octets == 0


def test_an_answer_that_needs_no_body_does_not_cancel_a_request_that_has_ended(peer: Peer) -> None:
    peer.answers.prompt = Response(b"\x8d", b"", None)
    peer.answers.answer = lambda body: Response(b"\x8d", b"", None)
    (answer,) = peer.send(head(peer, 1, flags=["END_HEADERS", "END_STREAM"]))
    assert set(answer.flags) == {"END_HEADERS", "END_STREAM"}


def test_more_than_the_windows_of_the_stream_and_of_the_connection() -> None:
    peer = Peer(body=BODY, connection_window=2 * BODY)
    found = peer.send(head(peer, 1), *full(1, BODY - 1), DataFrame(1, b"xx"))
    assert resets(found) == [(1, ErrorCode.FLOW_CONTROL_ERROR)]
    assert peer.buffered.octets == 0
    for number in (3, 5):
        peer.send(head(peer, number), *full(number, BODY - 1))
    assert peer.fault is None
    peer.send(head(peer, 7), DataFrame(7, b"xxx"))
    assert peer.fault == (ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the connection's window")


def test_padding_counts_for_the_windows() -> None:
    peer = Peer(body=BODY)
    sent = [DataFrame(1, b"", pad_length=255, flags=["PADDED"])] * 256
    found = peer.send(head(peer, 1), *sent)
    assert resets(found) == [(1, ErrorCode.FLOW_CONTROL_ERROR)]


@pytest.mark.parametrize("quick", [True, False])
def test_the_connections_window_is_replenished_in_time(quick: bool) -> None:
    peer = Peer(body=BODY, connection_window=2 * BODY)
    peer.answers.answer = lambda body: response(b"fine")
    window, granted = 2 * BODY, 0
    for number in range(1, 2_001, 2):
        data = [end(number, bytes(1_000))] if quick else [DataFrame(number, bytes(500)), end(number, bytes(500))]
        window -= 1_000
        assert window >= 0
        for frame in peer.send(head(peer, number), *data):
            if isinstance(frame, WindowUpdateFrame):
                assert frame.stream_id == 0
                window += frame.window_increment
                granted += 1
    assert window > BODY
    assert 10 < granted < 50  # seldom: each costs both sides


def test_nothing_comes_back_while_all_of_it_is_held() -> None:
    peer = Peer(body=BODY, connection_window=BODY + 1)
    found = peer.send(head(peer, 1), *full(1, 40_000))
    for number in (3, 5, 7):
        found += peer.send(head(peer, number), end(number))
    assert not [frame for frame in found if isinstance(frame, WindowUpdateFrame)]
    window, *_ = peer.send(end(1))
    assert window.window_increment == 40_000


def test_the_window_comes_back_for_data_that_is_thrown_away() -> None:
    peer = Peer(body=BODY, connection_window=BODY + 1)
    window = BODY + 1
    for number in range(1, 101, 2):
        sent = [head(peer, number, ("te", "gzip")), DataFrame(number, bytes(16_000))]
        window -= 16_000
        assert window >= 0
        window += sum(f.window_increment for f in peer.send(*sent) if isinstance(f, WindowUpdateFrame))
    assert peer.fault is None


# -- answers that take time ------------------------------------------------------------------------------------------


def test_answers_come_in_the_order_in_which_they_are_ready(peer: Peer) -> None:
    postpone(peer)
    for number in (1, 3):
        assert peer.call(number, b"question") == []
    first, second = peer.later.answered
    second(response(b"b"))
    assert [frame.stream_id for frame in peer.read()] == [3, 3, 3]
    first(response(b"a"))
    assert [frame.stream_id for frame in peer.read()] == [1, 1, 1]


def test_a_call_in_pieces_may_take_time_too(peer: Peer) -> None:
    postpone(peer)
    peer.send(head(peer, 1), DataFrame(1, b"x"), end(1))
    peer.later.give(b"answer")
    assert len(peer.read()) == 3


def test_a_cancelled_call_is_given_up(peer: Peer) -> None:
    postpone(peer)
    peer.call(1)
    assert peer.send(RstStreamFrame(1, error_code=8)) == []
    assert (peer.later.cancelled, peer.connection.unanswered, peer.buffered.octets) == (1, 0, 0)
    peer.later.give(b"too late")
    assert peer.read() == []


def test_an_answer_without_a_body(peer: Peer) -> None:
    peer.answers.answer = lambda body: Response(b"\x88", b"", None)
    for number in (1, 3, 5):
        (answer,) = peer.call(number)
        assert set(answer.flags) == {"END_HEADERS", "END_STREAM"}


def test_an_answer_that_ends_with_its_body(peer: Peer) -> None:
    peer.answers.answer = lambda body: Response(b"\x88", b"sorry", None)
    for number in (1, 3, 5):
        answer, body = peer.call(number)
        assert set(answer.flags) == {"END_HEADERS"}
        assert set(body.flags) == {"END_STREAM"}
