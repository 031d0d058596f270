"""Server-sent events as a client reads them (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2

Event = tuple[str, Any]
"""Its name, and its data, which is JSON."""


async def read_events(answer: httpx2.Response) -> AsyncIterator[Event]:
    """The events of an answer as they come."""
    name, data = "message", ""
    async for line in answer.aiter_lines():
        if line:
            field, _, value = line.partition(": ")
            name, data = (value, data) if field == "event" else (name, data + value)
        else:
            yield name, json.loads(data)
            name, data = "message", ""
    assert not data, "an event without its end"
