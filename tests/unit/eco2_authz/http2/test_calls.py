"""Calls: from their frames to answers, and what the peer may send."""

import pytest
from support.authz.http2_frames import (
    DataFrame,
    HeadersFrame,
    RstStreamFrame,
    WindowUpdateFrame,
)
from support.authz.http2_peer import Peer, end, head, postpone, resets, response

from eco2_authz.http2.application import Response
from eco2_authz.http2.errors import ErrorCode


@pytest.fixture
def peer() -> Peer:
    return Peer()


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
