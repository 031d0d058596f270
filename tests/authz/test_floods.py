"""The fast transport under attack: it lives, serves others meanwhile, and takes no more memory than is said here."""

import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
from support.authz.http2_client import Client
from support.authz.http2_floods import CALL_FLOODS, HEADER_FLOODS, IDLE_FLOODS, Bystander, Flood, attack
from support.authz.http2_frames import (
    PREFACE,
    ContinuationFrame,
    DataFrame,
    GoAwayFrame,
    HeadersFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
    call_frames,
    request_headers,
    written,
)
from support.authz.http2_process import ServerProcess, serving
from support.waits import eventually

from eco2_authz.http2.errors import ErrorCode
from eco2_authz.http2.memory import CALL

MIB: Final = 1 << 20
FLOODED: Final = 40 * MIB
"""Growth while one flood after another comes in. 2,000 calls may be cancelled before their tasks have ended, of about
8 KiB each; the tables of all states of the Huffman code are 6 MiB; the rest is what the allocator keeps."""
IDLE: Final = 8 * 1024
"""Octets for a connection on which nothing happens; measured: 3.3 KiB."""
HOSTILE: Final = 128 * 1024
"""Octets for a connection whose peer makes it hold all it can; measured: 60 KiB. A header table, known header blocks, a
header block and a frame that have not ended (16 KiB each), numbers of calls, and what reading them took."""
SECONDS: Final = 0.5
"""For each flood."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The server for floods of frames: its bounds are the defaults."""
    with serving(tmp_path_factory.mktemp("floods")) as it:
        for _ in range(3):
            it.state()
        yield it


@pytest.fixture(scope="module")
def at_first(server: ServerProcess) -> int:
    """Its memory before all."""
    return server.rss


def only_we_are_there(server: ServerProcess, tasks: int = 1) -> Callable[[], bool]:
    """Nobody else is connected, and nothing is left of those who were: who asks is all there is."""

    def check() -> bool:
        state = server.state()
        assert (state["connections"], state["hanging"], state["tasks"]) == (1, 0, tasks), state
        assert state["buffered"] in (0, CALL), state
        return True

    return check


def check_growth(bystander: Bystander, before: int, bound: int) -> None:
    """How much memory the server took while somebody looked at it."""
    growth = bystander.largest - before
    print(f"grew by {growth / MIB:.1f} of {bound / MIB:.1f} MiB, {bystander.answered} calls answered meanwhile")
    assert growth < bound


@pytest.mark.parametrize("flood", [*HEADER_FLOODS, *CALL_FLOODS, *IDLE_FLOODS], ids=lambda flood: flood.__name__)
def test_flood(server: ServerProcess, at_first: int, flood: Flood) -> None:
    octets = flood()
    with Bystander(server) as bystander:
        codes = attack(server.address, octets, seconds=SECONDS)
    assert codes
    check_growth(bystander, at_first, FLOODED)
    assert eventually(only_we_are_there(server))
    assert server.log.read_text() == ""


# -- peers that are slow ---------------------------------------------------------------------------------------------


def half_a_preface(client: Client) -> bytes:
    return PREFACE[:12]


def no_settings(client: Client) -> bytes:
    return PREFACE


def half_a_frame(client: Client) -> bytes:
    return written(PREFACE, SettingsFrame()) + b"\x00\x40\x00\x00\x00\x00\x00\x00\x01" + bytes(16_000)


def half_a_header_block(client: Client) -> bytes:
    return written(PREFACE, SettingsFrame(), HeadersFrame(1, bytes(16_000)), ContinuationFrame(1, b""))


def half_a_body(client: Client) -> bytes:
    head = HeadersFrame(1, client.encoder.encode(request_headers()), flags=["END_HEADERS"])
    return written(PREFACE, SettingsFrame(), head, DataFrame(1, bytes(16_000)))


def refused(found: list[Any]) -> bool:
    return any(isinstance(frame, RstStreamFrame | GoAwayFrame) for frame in found)


@pytest.mark.parametrize(
    ("begin", "limit", "code"),
    [
        (half_a_preface, "handshake", ErrorCode.SETTINGS_TIMEOUT),
        (no_settings, "handshake", ErrorCode.SETTINGS_TIMEOUT),
        (half_a_frame, "request", ErrorCode.ENHANCE_YOUR_CALM),
        (half_a_header_block, "request", ErrorCode.ENHANCE_YOUR_CALM),
        (half_a_body, "request", ErrorCode.CANCEL),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_begun_has_to_be_ended(
    tmp_path: Path, begin: Callable[[Client], bytes], limit: str, code: ErrorCode
) -> None:
    with serving(tmp_path, limits={limit: 0.5}) as server, ExitStack() as stack:
        clients = [stack.enter_context(Client(server.address, greet=False)) for _ in range(200)]
        before = server.rss
        with Bystander(server) as bystander:
            for client in clients:
                client.send(begin(client))
            for client in clients:
                found = client.frames(refused)
                assert found[-1].error_code == code
        check_growth(bystander, before, len(clients) * HOSTILE)


def test_octet_by_octet_is_slow_but_no_fault(tmp_path: Path) -> None:
    with serving(tmp_path) as server, Client(server.address, greet=False) as client, Bystander(server):
        octets = written(PREFACE, SettingsFrame(), *call_frames(client.encoder, 1, b"question"))
        for octet in octets:
            client.send(bytes([octet]))
        found = client.frames(lambda found: any("END_STREAM" in frame.flags for frame in found))
        assert [frame.data[5:] for frame in found if isinstance(frame, DataFrame)] == [b"question"]


def test_who_does_not_read_the_answers(tmp_path: Path) -> None:
    limits = {"stalled": 1.5, "unread": 4 * MIB, "buffered": 16 * MIB}
    with serving(tmp_path, limits=limits) as server, ExitStack() as stack:
        before = server.rss
        with Bystander(server) as bystander:
            for _ in range(20):  # each stays below its own bound; together they are four times above that of all
                client = stack.enter_context(Client(server.address, receive_buffer=4_096))
                window = SettingsFrame(settings={SettingsFrame.INITIAL_WINDOW_SIZE: 2**31 - 1})
                calls = [
                    frame
                    for number in range(1, 65, 2)
                    for frame in call_frames(client.encoder, number, b"large 100000")
                ]
                client.send(window, WindowUpdateFrame(0, 2**30), *calls, read=False)
            eventually(lambda: server.state()["connections"] <= 2)
        # Unread answers are looked at once a second: what came in between is on top.
        check_growth(bystander, before, 16 * MIB + 20 * 32 * 100_000 + 8 * MIB)
        assert eventually(only_we_are_there(server))


@pytest.mark.parametrize("window", [0, 1])
def test_answers_that_are_not_let_through(tmp_path: Path, window: int) -> None:
    calls, connections = 1_000, 20
    with serving(tmp_path, limits={"stalled": 1.0, "streams": calls}) as server, ExitStack() as stack:
        before = server.rss
        with Bystander(server) as bystander:
            clients = [stack.enter_context(Client(server.address)) for _ in range(connections)]
            for client in clients:
                client.send(SettingsFrame(settings={SettingsFrame.INITIAL_WINDOW_SIZE: window}))
                for _ in range(calls):
                    client.send(*call_frames(client.encoder, client.next_number(), b"question"))
            for client in clients:  # given up one after another, and not ended
                found = client.frames(lambda found: sum(isinstance(frame, RstStreamFrame) for frame in found) == calls)
                assert {frame.error_code for frame in found if isinstance(frame, RstStreamFrame)} == {ErrorCode.CANCEL}
        # Not above what is counted for a call that is open.
        check_growth(bystander, before, calls * connections * CALL)
        assert server.state()["buffered"] in (0, CALL)


def test_calls_that_nobody_answers_end_with_their_connection(tmp_path: Path) -> None:
    calls, connections = 500, 10
    with serving(tmp_path) as server:
        before = server.state()
        with Bystander(server) as bystander, ExitStack() as stack:
            for _ in range(connections):
                client = stack.enter_context(Client(server.address))
                for _ in range(calls):
                    client.send(*call_frames(client.encoder, client.next_number(), b"hang"))
            eventually(lambda: server.state()["hanging"] == calls * connections)
        check_growth(bystander, before["rss"], FLOODED)
        assert eventually(only_we_are_there(server))


# -- many connections ------------------------------------------------------------------------------------------------


def allow_files(count: int) -> None:
    """For us and the server that we start."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        pytest.skip(f"a process may open {hard} files here, and {count} are needed")
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def test_ten_thousand_idle_connections(tmp_path: Path) -> None:
    count = 10_000
    allow_files(count + 500)
    with serving(tmp_path, address="unix") as server, ExitStack() as stack:
        before = server.state()["rss"]
        with Bystander(server) as bystander:
            for _ in range(count):
                stack.enter_context(Client(server.address))
            eventually(lambda: server.state()["connections"] > count)
        check_growth(bystander, before, count * IDLE)
        stack.close()
        assert eventually(only_we_are_there(server))


def test_connections_that_hold_all_they_can(tmp_path: Path) -> None:
    count = 200
    with serving(tmp_path, limits={"request": 60}) as server, ExitStack() as stack:
        before = server.state()["rss"]
        with Bystander(server) as bystander:
            for _ in range(count):
                client = stack.enter_context(Client(server.address))
                for octets in all_it_can_hold():
                    client.send(octets)
            eventually(lambda: server.state()["connections"] > count)
        check_growth(bystander, before, count * HOSTILE)


def all_it_can_hold() -> Iterator[bytes]:
    """Small entries in the table, long header blocks that are known, numbers passed over, parts that do not end."""
    entries = b"".join(b"\x40\x01" + bytes([letter]) + b"\x01x" for letter in b"abcdefghijklmnopqrstuvwxyz" * 5)
    yield HeadersFrame(1, b"\x83\x86\x84" + entries, flags=["END_HEADERS", "END_STREAM"]).serialize()
    for number in range(3, 35, 2):
        path = b"\x04\x7f\xf1\x02/" + b"%02d" % number + b"x" * 493
        yield HeadersFrame(number, b"\x83\x86" + path, flags=["END_HEADERS", "END_STREAM"]).serialize()
    for number in range(39, 39 + 64 * 4, 4):
        yield HeadersFrame(number, b"\x82", flags=["END_HEADERS", "END_STREAM"]).serialize()
    yield HeadersFrame(1_001, bytes(16_000)).serialize()
    yield b"\x00\x40\x00\x09\x00\x00\x00\x03\xe9" + bytes(16_000)


# -- faults of ours --------------------------------------------------------------------------------------------------


def test_an_answer_that_breaks_refuses_its_request_and_no_other(tmp_path: Path) -> None:
    with serving(tmp_path) as server, Client(server.address) as client, Bystander(server):
        for _ in range(20):
            assert client.call(b"raise") == b"broken"
            assert client.call(b"raise late") == b"broken"
            assert client.call(b"question") == b"question"
        assert "as was asked, later" in server.log.read_text()
        assert eventually(lambda: server.state()["tasks"] == 1)
