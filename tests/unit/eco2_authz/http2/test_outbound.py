"""What the peer takes: windows, and a header table of no size."""

from typing import Any

import pytest
from hpack import Decoder
from support.authz.http2_frames import (
    PREFACE,
    DataFrame,
    HeadersFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from support.authz.http2_peer import Peer, response

from eco2_authz.http2.application import Response
from eco2_authz.http2.errors import ErrorCode
from eco2_authz.http2.outbound import Outbound

LARGE = bytes(range(256)) * 300  # 76,800 octets: more than the default windows


@pytest.fixture
def peer() -> Peer:
    it = Peer()
    it.answers.answer = lambda body: response(body or LARGE)
    return it


def window(peer: Peer, octets: int) -> list[Any]:
    return peer.send(SettingsFrame(settings={SettingsFrame.INITIAL_WINDOW_SIZE: octets}))


def data(found: list[Any], number: int = 1) -> bytes:
    return b"".join(frame.data for frame in found if isinstance(frame, DataFrame) and frame.stream_id == number)


def ended(found: list[Any]) -> list[int]:
    return [frame.stream_id for frame in found if "END_STREAM" in frame.flags]


def ask(peer: Peer, number: int) -> list[Any]:
    """Ask for the large answer."""
    peer.answers.answer = lambda body: response(LARGE)
    return peer.call(number)


def test_a_large_answer_stops_at_the_windows_and_goes_on_with_them(peer: Peer) -> None:
    found = ask(peer, 1)
    assert data(found) == LARGE[:65_535]
    assert max(len(frame.data) for frame in found if isinstance(frame, DataFrame)) == 16_384
    assert peer.send(WindowUpdateFrame(1, 20_000)) == []
    more = peer.send(WindowUpdateFrame(0, 1_000))
    assert data(more) == LARGE[65_535:66_535]
    rest = peer.send(WindowUpdateFrame(0, 20_000))
    assert data(found) + data(more) + data(rest) == LARGE
    assert ended(rest) == [1]
    assert peer.connection.unanswered == 0


def test_a_large_answer_without_trailers_ends_with_its_last_frame(peer: Peer) -> None:
    peer.answers.answer = lambda body: Response(b"\x88", LARGE, None)
    peer.send(WindowUpdateFrame(0, 100_000))
    found = peer.call(1)
    assert ended(found) == []
    found += peer.send(WindowUpdateFrame(1, 100_000))
    assert data(found) == LARGE
    assert ended(found) == [1]
    assert isinstance(found[-1], DataFrame)


def test_octet_by_octet(peer: Peer) -> None:
    window(peer, 0)
    found = peer.call(1, b"abc")
    assert [type(frame) for frame in found] == [HeadersFrame]
    for _ in range(len(b"abc") + 5):
        assert ended(found) == []
        more = peer.send(WindowUpdateFrame(1, 1))
        assert len(data(more)) == 1
        found += more
    assert ended(found) == [1]


def test_a_window_that_becomes_larger_by_settings(peer: Peer) -> None:
    window(peer, 3)
    found = peer.call(1, b"question")
    assert len(data(found)) == 3
    found += window(peer, 5)
    assert len(data(found)) == 5
    found += window(peer, 65_535)
    assert ended(found) == [1]
    assert peer.connection.unanswered == 0


def test_a_window_that_becomes_negative_by_settings(peer: Peer) -> None:
    found = ask(peer, 1)
    peer.send(WindowUpdateFrame(0, 100_000))
    window(peer, 0)  # the stream's window is now -65,535
    assert peer.send(WindowUpdateFrame(1, 65_535)) == []
    found += peer.send(WindowUpdateFrame(1, 1))
    assert len(data(found)) == 65_536
    found += window(peer, 100_000)
    assert data(found) == LARGE


def test_small_answers_pass_one_that_waits_for_its_own_window(peer: Peer) -> None:
    peer.send(WindowUpdateFrame(0, 100_000))
    ask(peer, 1)
    assert ended(peer.call(3)) == []
    peer.answers.answer = response
    assert ended(peer.call(5, b"small")) == [5]


def test_answers_that_wait_for_the_connection_take_turns(peer: Peer) -> None:
    window(peer, 1_000_000)
    for number in (1, 3, 5):
        ask(peer, number)
    numbers = []
    for _ in range(6):
        found = peer.send(WindowUpdateFrame(0, 10))
        numbers += [frame.stream_id for frame in found if isinstance(frame, DataFrame)]
    assert sorted(numbers) == [1, 1, 3, 3, 5, 5]
    found = peer.send(WindowUpdateFrame(0, 1_000_000))
    assert sorted(ended(found)) == [1, 3, 5]


def test_an_answer_that_waits_for_both_windows_gets_both_in_any_order(peer: Peer) -> None:
    for first, second in ((0, 1), (1, 0)):
        it = Peer()
        found = ask(it, 1)
        found += it.send(WindowUpdateFrame(first, 100_000))
        assert ended(found) == []
        found += it.send(WindowUpdateFrame(second, 100_000))
        assert data(found) == LARGE
        assert ended(found) == [1]


def test_a_cancelled_answer_leaves_the_window_to_others(peer: Peer) -> None:
    window(peer, 1_000_000)
    ask(peer, 1)
    ask(peer, 3)
    peer.send(RstStreamFrame(1))
    found = peer.send(WindowUpdateFrame(0, 1_000_000))
    assert ended(found) == [3]
    assert data(found, 1) == b""


def test_octets_of_the_window_do_not_cost_a_look_at_every_call(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    window(peer, 0)
    for number in range(1, 1_001, 2):
        peer.call(number, b"question")
    looks = []
    monkeypatch.setattr(Outbound, "_go_on", lambda self, number, stream, response: looks.append(number))
    for _ in range(100):
        peer.send(WindowUpdateFrame(0, 1))
    assert looks == []


def test_windows_have_a_largest_size(peer: Peer) -> None:
    peer.send(WindowUpdateFrame(0, 2**31 - 1 - 65_535))
    assert peer.fault is None
    peer.send(WindowUpdateFrame(0, 1))
    assert peer.fault == (ErrorCode.FLOW_CONTROL_ERROR, "connection window above 2^31-1")


def test_a_streams_window_has_a_largest_size_also_by_settings(peer: Peer) -> None:
    ask(peer, 1)
    peer.send(WindowUpdateFrame(1, 2**31 - 1))
    assert peer.fault is None
    window(peer, 2**31 - 1)
    assert peer.fault == (ErrorCode.FLOW_CONTROL_ERROR, "stream window above 2^31-1")


def test_a_peer_with_a_smaller_header_table_is_told_that_ours_has_none() -> None:
    peer = Peer(greet=False)
    peer.reader.decoder = Decoder()
    peer.send(PREFACE, SettingsFrame(settings={SettingsFrame.HEADER_TABLE_SIZE: 0}))
    # As the peer's decoder does at our acknowledgement; it refuses what does not begin with a size update then.
    peer.reader.decoder.max_allowed_table_size = 0
    assert ended(peer.call(1, b"question")) == [1]
    assert ended(peer.call(3, b"question")) == [3]
    assert peer.reader.decoder.header_table_size == 0
