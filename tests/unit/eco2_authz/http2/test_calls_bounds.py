"""Calls that are too many or too large, and what the peer may send."""

import pytest
from support.authz.http2_frames import (
    DataFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from support.authz.http2_peer import Peer, end, head, postpone, resets, response

from eco2_authz.http2.application import Response
from eco2_authz.http2.errors import ErrorCode
from eco2_authz.http2.memory import CALL


@pytest.fixture
def peer() -> Peer:
    return Peer()


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
