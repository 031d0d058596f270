"""Questions of signed-in users."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from eco2_chat.accepting import EVENT_STREAM, wants_events
from eco2_chat.dependencies import ThePlace, TheResources
from eco2_chat.schemas import ChatAnswer, NewMessage, Piece
from eco2_service.identity import CurrentUser
from eco2_service.problems import problem_responses

PREFIX: Final = "/api/v1/chat"
router = APIRouter(tags=["chat"])


def _event(name: str, data: dict[str, Any]) -> dict[str, Any]:
    """The schema of one event (OpenAPI 3.2, section 4.14.4)."""
    text = {"type": "string", "contentMediaType": "application/json", "contentSchema": data}
    return {
        "type": "object",
        "properties": {"event": {"type": "string", "const": name}, "data": text},
        "required": ["event", "data"],
    }


_EVENTS: Final = [
    _event("piece", Piece.model_json_schema()),
    _event("result", {"$ref": "#/components/schemas/ChatAnswer"}),
    _event("error", {"$ref": "#/components/schemas/ProblemDetails"}),
]
_ANSWER: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The answer; as events when `Accept` asks for them: `piece` with the next words, then one "
        "`result` (the same as in JSON), or one `error` (problem details) when there is none",
        "content": {EVENT_STREAM: {"itemSchema": {"oneOf": _EVENTS}}},
        "headers": {
            "Retry-After": {
                "description": "Seconds to wait before a photo that failed is tried again",
                "schema": {"type": "integer"},
            }
        },
    }
}
_NO_BUFFERS: Final = {"x-accel-buffering": "no"}
"""Proxies pass each event on as it comes."""


@router.post(
    PREFIX,
    response_model=ChatAnswer,
    responses=_ANSWER | problem_responses(404, 409, 410, 429, 502, 504),
)
async def chat(
    new: NewMessage,
    user: CurrentUser,
    place: ThePlace,
    resources: TheResources,
    request: Request,
    response: Response,
) -> ChatAnswer | Response:
    """Ask about waste, in words or by photo. Whether it is a photo is decided by the message.

    A photo that cannot be looked at is answered with 200, `failed` and a text that asks to try again; a text that gets
    no answer is a problem: 422 refused by the model, 502 no usable answer, 503 not now, 504 too late.
    404: the user has no such image. 409: it is not ready. 410: the user was deleted.
    429: too many messages in a day, or too many at once.
    """
    await resources.asking.check(user.user_id)
    question = await resources.answering.question(user.user_id, new, place)
    if wants_events(request.headers.get("accept", "")):
        events = resources.answering.stream(question)
        return StreamingResponse(events, media_type=EVENT_STREAM, headers=_NO_BUFFERS)
    answer = await resources.answering.answer(question)
    if answer.retry_after is not None:
        response.headers["retry-after"] = str(answer.retry_after)
    return answer
