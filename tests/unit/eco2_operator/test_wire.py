"""Bytes of the API server as JSON."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eco2_operator.wire import event, lines, object_of, seconds


class Stream:
    """Chunks as they come from the network."""

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    async def iter_any(self):  # type: ignore[no-untyped-def]
        for chunk in self._chunks:
            yield chunk


async def read(chunks: list[bytes]) -> list[bytes]:
    return [bytes(line) async for line in lines(Stream(chunks))]  # type: ignore[arg-type]


@given(st.lists(st.binary(max_size=6), max_size=6))
def test_lines_are_whole_however_they_are_cut_and_an_unfinished_one_is_none(chunks: list[bytes]) -> None:
    assert asyncio.run(read(chunks)) == b"".join(chunks).split(b"\n")[:-1]


def test_an_event_has_a_type_and_an_object_with_a_version() -> None:
    obj = {"metadata": {"resourceVersion": "7"}}
    assert event(bytearray(b'{"type":"ADDED","object":{"metadata":{"resourceVersion":"7"}}}')) == ("ADDED", obj)
    assert event(bytearray(b'{"type":"ERROR","object":{"code":410}}')) == ("ERROR", {"code": 410})


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[]", b"null", b'{"type":"ADDED"}', b'{"type":"ADDED","object":{"metadata":{}}}', b"\xff"]
)
def test_any_other_line_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        event(bytearray(line))


@pytest.mark.parametrize("reply", [b"", b"404 page not found", b"[]", b"null", b'{"a":', b"\xff\xfe"])
def test_an_answer_that_is_no_object_is_none(reply: bytes) -> None:
    assert object_of(reply) is None
    assert object_of(b'{"a":1}') == {"a": 1}


@pytest.mark.parametrize(
    ("header", "expected"),
    [(None, None), ("", None), ("0", None), ("7", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None)],
)
def test_retry_after_is_in_seconds(header: str | None, expected: float | None) -> None:
    assert seconds(header) == expected
