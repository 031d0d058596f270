"""The events of a stream, in the order of the OpenAI API, each with its `sequence_number` and no `[DONE]` at the end.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

import re
from collections.abc import Iterator
from itertools import count
from typing import Any, Final

import orjson

from eco2_model_server.asked import Asked
from eco2_model_server.responses import Output, identifier, message, part, reasoning, response

DELTA_TYPES: Final = frozenset({"response.output_text.delta", "response.refusal.delta"})
"""Events that carry a piece of the text."""
_PIECES: Final = re.compile(r"\S+\s*|\s+")
Event = dict[str, Any]


def events(asked: Asked, output: Output, number: int, *, error_event: bool = False) -> Iterator[Event]:
    """All of an answer.

    Args:
        error_event: the stream ends with an error in place of the rest.
    """
    for sequence, event in zip(count(), _events(asked, output, number, error_event), strict=False):
        yield {**event, "sequence_number": sequence}


def encoded(event: Event) -> bytes:
    """As a server-sent event."""
    return b"event: %s\ndata: %s\n\n" % (event["type"].encode(), orjson.dumps(event))


def _events(asked: Asked, output: Output, number: int, error_event: bool) -> Iterator[Event]:
    begun = response(asked, output, number, done=False)
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    index = 0
    if asked.reasons:
        thought = reasoning(identifier("rs", asked, number))
        yield {"type": "response.output_item.added", "output_index": 0, "item": thought}
        yield {"type": "response.output_item.done", "output_index": 0, "item": thought}
        index = 1
    if not output.failed:
        yield from _message(asked, output, number, index, error_event)
    if error_event:
        yield {"type": "error", "code": "server_error", "message": "The server had an error.", "param": None}
        return
    ended = response(asked, output, number, done=True)
    yield {"type": f"response.{output.status}", "response": ended}


def _message(asked: Asked, output: Output, number: int, index: int, error_event: bool) -> Iterator[Event]:
    identity = identifier("msg", asked, number)
    yield {
        "type": "response.output_item.added",
        "output_index": index,
        "item": message(identity, output, done=False),
    }
    where = {"item_id": identity, "output_index": index, "content_index": 0}
    yield {"type": "response.content_part.added", **where, "part": part(output, "")}
    kind = "refusal" if output.refusal else "output_text"
    extra: dict[str, Any] = {} if output.refusal else {"logprobs": []}
    for piece in _PIECES.findall(output.text):
        yield {"type": f"response.{kind}.delta", **where, "delta": piece, **extra}
        if error_event:
            return
    name = "refusal" if output.refusal else "text"
    yield {"type": f"response.{kind}.done", **where, name: output.text, **extra}
    yield {"type": "response.content_part.done", **where, "part": part(output, output.text)}
    yield {"type": "response.output_item.done", "output_index": index, "item": message(identity, output, done=True)}
