"""A connection as a whole: its beginning, its pieces, its time and its end."""

import pytest
from support.authz.http2_frames import (
    PREFACE,
    ContinuationFrame,
    DataFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    call_frames,
    request_headers,
    written,
)
from support.authz.http2_peer import Peer, postpone

from eco2_authz.http2.errors import ConnectionFault, ErrorCode

CALM, PROTOCOL_ERROR, SETTINGS_TIMEOUT = 11, 1, 4


def kinds(found: list[object]) -> list[str]:
    return [type(frame).__name__.removesuffix("Frame") for frame in found]


def test_we_say_what_we_allow_before_we_hear_anything() -> None:
    peer = Peer(greet=False, streams=7, body=100_000, connection_window=200_000, header_list=3_000)
    settings, window = peer.read()
    assert settings.settings == {
        SettingsFrame.MAX_CONCURRENT_STREAMS: 7,
        SettingsFrame.INITIAL_WINDOW_SIZE: 100_000,
        SettingsFrame.MAX_HEADER_LIST_SIZE: 3_000,
    }
    assert (window.stream_id, window.window_increment) == (0, 200_000 - 65_535)


def test_settings_are_acknowledged() -> None:
    peer = Peer(greet=False)
    peer.read()
    (acknowledgement,) = peer.send(PREFACE, SettingsFrame(settings={1: 5}))
    assert isinstance(acknowledgement, SettingsFrame)
    assert set(acknowledgement.flags) == {"ACK"}
    assert peer.send(SettingsFrame(flags=["ACK"])) == []


@pytest.mark.parametrize("octets", [b"GET / HTTP/1.1\r\n", b"P", b"\x16\x03\x01", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX"])
def test_other_protocols_are_sent_away_at_the_first_octet_that_shows_it(octets: bytes) -> None:
    peer = Peer(greet=False)
    wrong = octets == b"P"
    found = peer.send(octets)
    assert (peer.fault == (PROTOCOL_ERROR, "not the preface of HTTP/2")) is not wrong
    assert kinds(found)[2:] == ([] if wrong else ["GoAway"])


def test_the_first_frame_is_settings() -> None:
    peer = Peer(greet=False)
    peer.send(PREFACE, PingFrame(opaque_data=b"12345678"))
    assert peer.fault == (PROTOCOL_ERROR, "the first frame is not SETTINGS")
    peer = Peer(greet=False)
    peer.send(PREFACE, SettingsFrame(flags=["ACK"]))
    assert peer.fault == (PROTOCOL_ERROR, "the first frame is not SETTINGS")


def test_octet_by_octet() -> None:
    peer = Peer(greet=False)
    octets = written(PREFACE, SettingsFrame(), *call_frames(peer.encoder, 1, b"question"))
    found = [frame for octet in octets for frame in peer.send(bytes([octet]))]
    assert kinds(found) == ["Settings", "WindowUpdate", "Settings", "Headers", "Data", "Headers"]


def test_many_calls_at_once() -> None:
    peer = Peer()
    calls = [call_frames(peer.encoder, number, b"%d" % number) for number in range(1, 401, 2)]
    found = peer.send(*[frame for call in calls for frame in call])
    answers = [frame for frame in found if isinstance(frame, DataFrame)]
    assert [int(frame.data[5:]) for frame in answers] == list(range(1, 401, 2))
    assert len(peer.answers.heads) <= 3  # the same header block is looked at once it is known
    assert peer.connection.unanswered == 0


def test_the_usual_call_needs_no_stream_of_its_own_unless_it_differs_in_anything() -> None:
    peer = Peer()
    peer.call(1)
    peer.call(3)
    known = len(peer.answers.heads)
    peer.call(5)
    assert len(peer.answers.heads) == known
    peer.send(HeadersFrame(7, peer.encoder.encode(request_headers()), flags=["END_HEADERS"]))
    peer.send(DataFrame(7, b"", flags=["END_STREAM"]))
    assert len(peer.answers.heads) == known + 1


def test_a_stream_number_with_the_reserved_bit_is_none_that_follows_the_last() -> None:
    peer = Peer()
    peer.call(1)
    peer.call(3)
    peer.connection._calls.numbers.last = 0x7FFF_FFFF
    octets = written(*call_frames(peer.encoder, 5, b""))
    peer.send(octets.replace(b"\x00\x00\x00\x05", b"\x80\x00\x00\x01"))
    assert peer.fault is not None


def test_nothing_is_heard_after_a_fault() -> None:
    peer = Peer()
    assert kinds(peer.send(b"\xff" * 9)) == ["GoAway"]
    assert peer.call(1) == []
    assert peer.pass_time(1_000) == []
    assert peer.answers.bodies == []


def test_goaway_says_which_call_was_the_last() -> None:
    peer = Peer()
    peer.call(5)
    (goaway,) = peer.send(b"\xff" * 9)
    assert (goaway.last_stream_id, goaway.error_code) == (5, ErrorCode.FRAME_SIZE_ERROR)
    assert b"SETTINGS_MAX_FRAME_SIZE" in goaway.additional_data


# -- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("octets", [b"", PREFACE[:10], PREFACE, PREFACE + b"\x00\x00\x06\x04"])
def test_preface_and_settings_have_their_time(octets: bytes) -> None:
    peer = Peer(greet=False, handshake=5)
    peer.send(octets)
    peer.pass_time(5)
    assert peer.fault is None
    peer.pass_time(0.1)
    assert peer.fault == (SETTINGS_TIMEOUT, "no preface and SETTINGS in time")


def test_an_idle_connection_may_stay() -> None:
    peer = Peer()
    assert peer.pass_time(100_000) == []
    assert kinds(peer.call(1)) == ["Headers", "Data", "Headers"]


def test_a_frame_has_its_time_however_slowly_it_comes() -> None:
    peer = Peer(request=10)
    for octet in b"\x00\x01\x00\x00\x00\x00":
        peer.send(bytes([octet]))
        peer.pass_time(1)
    assert peer.fault is None
    peer.pass_time(5)
    assert peer.fault == (CALM, "a frame took too long")


def test_each_frame_has_its_own_time() -> None:
    peer = Peer(request=10)
    ping = PingFrame(opaque_data=b"12345678").serialize()
    peer.send(ping[:5])
    for _ in range(10):
        peer.pass_time(8)
        peer.send(ping[5:] + ping[:5])
    assert peer.fault is None


def test_a_header_block_has_its_time() -> None:
    peer = Peer(request=10)
    peer.send(HeadersFrame(1, b"\x82"))
    peer.pass_time(6)
    peer.send(ContinuationFrame(1, b"\x82"))
    peer.pass_time(5)
    assert peer.fault == (CALM, "a header block took too long")


def test_a_request_has_its_time_and_others_go_on() -> None:
    peer = Peer(request=10)
    block = peer.encoder.encode(request_headers())
    peer.send(HeadersFrame(1, block, flags=["END_HEADERS"]), DataFrame(1, b"begun"))
    peer.pass_time(6)
    peer.send(HeadersFrame(3, peer.encoder.encode(request_headers()), flags=["END_HEADERS"]))
    (reset,) = peer.pass_time(6)
    assert (type(reset), reset.stream_id, reset.error_code) == (RstStreamFrame, 1, ErrorCode.CANCEL)
    assert kinds(peer.send(DataFrame(3, b"x", flags=["END_STREAM"]))) == ["Headers", "Data", "Headers"]
    assert peer.buffered.octets == 0


def test_an_answer_that_is_being_made_is_waited_for() -> None:
    peer = Peer(request=10, stalled=10)
    postpone(peer)
    peer.call(1)
    assert peer.pass_time(1_000) == []
    assert peer.connection.unanswered == 1


def test_an_answer_that_is_not_let_through_has_its_time() -> None:
    peer = Peer(stalled=10)
    peer.send(SettingsFrame(settings={SettingsFrame.INITIAL_WINDOW_SIZE: 0}))
    peer.pass_time(50)
    assert kinds(peer.call(1, b"question")) == ["Headers"]
    assert peer.pass_time(10) == []
    (reset,) = peer.pass_time(1)
    assert (reset.stream_id, reset.error_code) == (1, ErrorCode.CANCEL)
    assert peer.connection.unanswered == 0


def test_too_many_overdue_requests_end_the_connection() -> None:
    peer = Peer(request=10, resets=3)
    for number in range(1, 11, 2):
        peer.send(HeadersFrame(number, peer.encoder.encode(request_headers()), flags=["END_HEADERS"]))
    peer.now += 0.5  # the guard's second has passed once
    peer.pass_time(10)
    assert peer.fault is None
    for number in range(11, 31, 2):
        peer.send(HeadersFrame(number, peer.encoder.encode(request_headers()), flags=["END_HEADERS"]))
    peer.pass_time(11)
    assert peer.fault == (CALM, "too many calls cancelled")


# -- the end ---------------------------------------------------------------------------------------------------------


def test_draining_asks_for_no_more_calls_and_answers_those_that_come() -> None:
    peer = Peer()
    peer.connection.drain()
    (goaway,) = peer.read()
    assert (goaway.last_stream_id, goaway.error_code) == (2**31 - 1, 0)
    assert kinds(peer.call(1)) == ["Headers", "Data", "Headers"]


def test_after_closing_calls_are_not_begun_and_those_begun_are_answered() -> None:
    peer = Peer()
    postpone(peer)
    peer.call(1)
    peer.connection.close()
    peer.connection.close()
    (goaway,) = peer.read()
    assert (goaway.last_stream_id, goaway.error_code) == (1, 0)
    assert peer.call(3) == []
    assert peer.call(5) == []
    assert peer.connection.unanswered == 1
    peer.later.give(b"late")
    assert kinds(peer.read()) == ["Headers", "Data", "Headers"]
    assert peer.connection.unanswered == 0
    assert len(peer.answers.bodies) == 1


def test_the_header_table_is_kept_up_for_calls_that_are_not_begun() -> None:
    peer = Peer()
    postpone(peer)
    peer.send(HeadersFrame(1, peer.encoder.encode(request_headers()), flags=["END_HEADERS"]))
    peer.connection.close()
    peer.call(3, b"", request_headers("/package.Service/Other", ("x-new", "entry")))
    trailers = peer.encoder.encode([("x-new", "entry")])
    peer.send(DataFrame(1, b"all"), HeadersFrame(1, trailers, flags=["END_HEADERS", "END_STREAM"]))
    assert peer.fault is None
    assert peer.answers.bodies == [b"all"]


def test_a_connection_that_has_failed_is_not_drained() -> None:
    peer = Peer()
    peer.connection.end(ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "enough"))
    assert kinds(peer.read()) == ["GoAway"]
    peer.connection.drain()
    peer.connection.close()
    assert peer.read() == []


def test_when_the_peer_is_gone_answers_are_given_up_and_nothing_is_held() -> None:
    peer = Peer()
    postpone(peer)
    peer.call(1)
    peer.send(HeadersFrame(3, peer.encoder.encode(request_headers()), flags=["END_HEADERS"]), DataFrame(3, b"x" * 99))
    assert peer.buffered.octets > 99
    peer.connection.gone()
    assert (peer.later.cancelled, peer.buffered.octets, peer.connection.unanswered) == (1, 0, 0)
    peer.later.give(b"too late")
    assert peer.read() == []
