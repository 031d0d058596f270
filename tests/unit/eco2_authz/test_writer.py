import os
import threading
from collections.abc import Iterator
from select import PIPE_BUF

import pytest
from support.waits import eventually

from eco2_authz.writer import Writer

ROOM = 10_000


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Where to read and where to write."""
    reader, file = os.pipe()
    yield reader, file
    for end in (reader, file):
        try:
            os.close(end)
        except OSError:
            continue


def filled(file: int) -> int:
    """Fill a pipe; how many octets it holds."""
    held = 0
    os.set_blocking(file, False)
    try:
        while True:
            held += os.write(file, b"-" * 4096)
    except BlockingIOError:
        os.set_blocking(file, True)
        return held


def drained(reader: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += os.read(reader, size)
    return data


def test_lines_are_written_in_order(pipe: tuple[int, int]) -> None:
    reader, file = pipe
    writer = Writer(file, room=ROOM)
    lines = [b"%d\n" % number for number in range(100)]
    assert all(writer.write(line) for line in lines)
    assert writer.close(10)
    assert drained(reader, len(b"".join(lines))) == b"".join(lines)


def test_when_nobody_reads_what_does_not_fit_is_refused_at_once(pipe: tuple[int, int]) -> None:
    reader, file = pipe
    held = filled(file)
    writer = Writer(file, room=ROOM)
    line = b"x" * 999 + b"\n"
    accepted = 0
    while writer.write(line):
        accepted += 1
    assert accepted * 1000 == ROOM
    assert writer.full
    assert not writer.close(0.01)
    assert drained(reader, held + ROOM)[held:] == line * accepted
    eventually(lambda: not writer.full)


def test_several_processes_share_a_pipe_without_mixing_their_lines(pipe: tuple[int, int]) -> None:
    """Writes that a pipe takes whole are not split (POSIX, write)."""
    reader, file = pipe
    count = 400
    read: list[bytes] = []
    thread = threading.Thread(target=lambda: read.append(drained(reader, 2 * count * 500)))
    thread.start()
    writers = [Writer(file, room=10_000_000, shared=True) for _ in range(2)]
    for name, writer in zip(b"ab", writers, strict=True):
        assert writer.write((bytes([name]) * 499 + b"\n") * count)
    assert all(writer.close(10) for writer in writers)
    thread.join()
    lines = read[0].splitlines()
    assert sorted(lines) == sorted([b"a" * 499, b"b" * 499] * count)


def test_a_line_that_is_longer_than_a_pipe_takes_is_written_nevertheless(pipe: tuple[int, int]) -> None:
    reader, file = pipe
    writer = Writer(file, room=100_000, shared=True)
    text = b"short\n" + b"x" * (2 * PIPE_BUF) + b"\nshort\n"
    assert writer.write(text)
    assert drained(reader, len(text)) == text
    assert writer.close(10)


def test_a_reader_that_goes_away_costs_lines_and_nothing_else(pipe: tuple[int, int]) -> None:
    reader, file = pipe
    os.close(reader)
    writer = Writer(file, room=ROOM)
    for _ in range(5):
        assert writer.write(b"one\ntwo\n")
    assert writer.close(10)
    assert writer.lost == 10
    assert not writer.full


def test_a_file_that_does_not_block_is_waited_for(pipe: tuple[int, int]) -> None:
    reader, file = pipe
    os.set_blocking(file, False)
    writer = Writer(file, room=10_000_000)
    text = (b"x" * 999 + b"\n") * 500
    assert writer.write(text)
    assert drained(reader, len(text)) == text
    assert writer.close(10)
    assert writer.lost == 0
