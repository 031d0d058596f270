"""Bytes of the API server as JSON: lines of a watch, objects, the header that asks for patience."""

from collections.abc import AsyncIterator

import aiohttp
import orjson

from eco2_operator.naming import Manifest


async def lines(stream: aiohttp.StreamReader) -> AsyncIterator[bytearray]:
    """Whole lines, however long."""
    rest = bytearray()
    async for chunk in stream.iter_any():
        rest += chunk
        *lines, tail = rest.split(b"\n")
        rest = tail
        for line in lines:
            yield line


def event(line: bytearray) -> tuple[str, Manifest]:
    """The type and the object of one line of a watch.

    Raises:
        ValueError: when it is something else.
    """
    match orjson.loads(line):
        case {"type": "ERROR", "object": dict(told)}:
            return "ERROR", told
        case {"type": str(event_type), "object": {"metadata": {"resourceVersion": str()}} as obj}:
            return event_type, obj
    raise ValueError("a line that is no change")


def object_of(reply: bytes) -> Manifest | None:
    """The answer as a JSON object; None when it is anything else, or was cut off."""
    try:
        parsed = orjson.loads(reply)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None


def seconds(header: str | None) -> float | None:
    """``Retry-After`` in seconds (RFC 9110, section 10.2.3); the API server sends no dates, and 0 says nothing."""
    return float(header) or None if header is not None and header.isdecimal() else None
