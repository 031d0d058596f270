"""The object `response` of the OpenAI API: https://platform.openai.com/docs/api-reference/responses/object."""

import hashlib
import math
from dataclasses import dataclass
from typing import Any, Final

from eco2_model_server.asked import Asked

CREATED_AT: Final = 1_760_000_000
"""Seconds since the epoch: answers are always the same."""
_IMAGE_TOKENS: Final = 630
_REASONING_TOKENS: Final = 64


@dataclass(frozen=True, slots=True)
class Output:
    """What the model says.

    Attributes:
        refusal: whether the text says why it does not answer.
        incomplete: the reason when it ends early.
        failed: the code when there is no answer.
    """

    text: str
    refusal: bool = False
    incomplete: str | None = None
    failed: str | None = None

    @property
    def status(self) -> str:
        """Of the response and of its message."""
        if self.failed:
            return "failed"
        return "incomplete" if self.incomplete else "completed"


def tokens(text: str) -> int:
    """About as many as a tokenizer makes of Korean, and never none."""
    return max(1, math.ceil(len(text) / 2))


def identifier(prefix: str, asked: Asked, number: int) -> str:
    """An id, which follows from what was asked and from how often something was."""
    digest = hashlib.sha256(f"{number}\0{asked.prompt}".encode()).hexdigest()
    return f"{prefix}_{digest[:48]}"


def part(output: Output, text: str) -> dict[str, Any]:
    """A part of a message's content."""
    if output.refusal:
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def message(identity: str, output: Output, *, done: bool) -> dict[str, Any]:
    """The model's message; before it is done it is empty."""
    content = [part(output, output.text)] if done else []
    status = "in_progress"
    if done:
        status = "completed" if output.status == "completed" else "incomplete"
    return {"id": identity, "type": "message", "status": status, "role": "assistant", "content": content}


def reasoning(identity: str) -> dict[str, Any]:
    """What stands before the message of a model that thinks."""
    return {"id": identity, "type": "reasoning", "summary": []}


def response(asked: Asked, output: Output, number: int, *, done: bool) -> dict[str, Any]:
    """The whole object.

    Args:
        number: of the request: ids differ by it.
        done: False for the first events of a stream.
    """
    items: list[dict[str, Any]] = []
    if done and not output.failed:
        if asked.reasons:
            items.append(reasoning(identifier("rs", asked, number)))
        items.append(message(identifier("msg", asked, number), output, done=True))
    body = asked.shown
    wanted: dict[str, Any] = {"format": {"type": "text"}, "verbosity": "medium", **(body.get("text") or {})}
    if asked.schema is not None:
        wanted["format"] = {"description": None, **wanted["format"]}
    return {
        "id": identifier("resp", asked, number),
        "object": "response",
        "created_at": CREATED_AT + number,
        "status": output.status if done else "in_progress",
        "background": False,
        "completed_at": CREATED_AT + number + 1 if done and output.status == "completed" else None,
        "error": {"code": output.failed, "message": "The server had an error."} if done and output.failed else None,
        "incomplete_details": {"reason": output.incomplete} if done and output.incomplete else None,
        "instructions": body.get("instructions"),
        "max_output_tokens": asked.max_output_tokens,
        "max_tool_calls": None,
        "metadata": body.get("metadata") or {},
        "model": asked.model,
        "output": items,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": (body.get("reasoning") or {}).get("effort"), "summary": None},
        "safety_identifier": body.get("safety_identifier"),
        "service_tier": "default",
        "store": asked.store,
        "temperature": 1.0,
        "text": wanted,
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": _usage(asked, output) if done and not output.failed else None,
        "user": None,
    }


def _usage(asked: Asked, output: Output) -> dict[str, Any]:
    said = tokens(asked.prompt) + _IMAGE_TOKENS * len(asked.images)
    thought = _REASONING_TOKENS if asked.reasons else 0
    answered = tokens(output.text) + thought
    return {
        "input_tokens": said,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": answered,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": said + answered,
    }
