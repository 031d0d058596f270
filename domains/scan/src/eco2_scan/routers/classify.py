"""Photos to be classified, by the users whose they are."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Response

from eco2_scan.dependencies import TheResources
from eco2_scan.schemas import ClassifyRequest, Task
from eco2_service.identity import CurrentUser
from eco2_service.problems import problem_responses

PREFIX: Final = "/api/v1/scan"
router = APIRouter(prefix=PREFIX, tags=["classification"])

IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[\x21-\x7e]{1,255}$",
        description="Chosen by the client for a request, and sent again when it repeats it: the task is the same one",
    ),
]
_LATER: Final[dict[str, Any]] = {
    "description": "Accepted; the answer will be at the Location",
    "model": Task,
    "headers": {"Location": {"description": "The path of the task", "schema": {"type": "string"}}},
}


@router.post("/classify", responses={202: _LATER, **problem_responses(404, 409, 410, 429, 502, 504)})
async def classify(
    request: ClassifyRequest,
    user: CurrentUser,
    resources: TheResources,
    response: Response,
    asynchronous: Annotated[bool, Query(alias="async", description="Do not wait for the result")] = False,
    idempotency_key: IdempotencyKey = None,
) -> Task:
    """Classify a photo: what it is, how it is discarded, and which character it earns.

    200 with the result; 202 when that was asked for, or when it takes its turn later or is under way for another
    request with this key. Whatever is answered after the request was accepted, and whether or not anybody waits for it,
    the task is done: problems of classification name it in `Location` and `task`, and it tells what became of it.

    404: the image is none of yours. 409: its upload is not completed, or the key was used for another request. 410: the
    user was deleted. 422: the request makes no sense, or the image cannot be classified. 429: too many today. 502, 504:
    the model's answer is of no use, or takes too long.
    """
    scanning = resources.scanning
    accepted = await scanning.accept(user.user_id, request, idempotency_key)
    location = f"{PREFIX}/task/{accepted.task_id}"
    if asynchronous:
        task = await scanning.later(user.user_id, accepted)
    else:
        task = await scanning.now(user.user_id, accepted, location)
    if asynchronous or task.state != "done":
        response.status_code = 202
        response.headers["location"] = location
    return task


@router.get("/task/{task_id}", responses=problem_responses(404))
async def read_task(task_id: uuid.UUID, user: CurrentUser, resources: TheResources) -> Task:
    """A task, its result and its reward. 404: there is none with this id, or it is another user's."""
    return (await resources.scans.find(user.user_id, task_id)).task
