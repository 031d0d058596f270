"""The domains image and character as scan meets them, on one port, as real HTTP: obedient, in trouble, or silent.

They keep what matters for scan: whose an upload is and whether it is ready; that a reward is given once for a request.
"""

import asyncio
import hashlib
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from support.services import SERVICE_TOKEN, serve

CARD = {"code": "can", "name": "캐니", "type": "금속류", "dialog": "꼭 밟아 줘!"}
"""The character that everybody earns here."""


@dataclass
class Upload:
    """An image of a user."""

    user_id: str
    content: bytes
    content_type: str
    state: str


@dataclass
class Peers:
    """Both domains, under ``<address>/image`` and ``<address>/character``.

    Attributes:
        uploads: by their id.
        any_upload: what every other id is of; None: there is no other.
        asked: paths in the order in which they were asked for, before anything became of them.
        trouble: statuses that calls whose path holds the key are answered with, one after the other, before they are
            obeyed again.
        stuck: statuses that all such calls are answered with.
        silent: keys of calls that are not answered until the key is taken out.
        forgetful: obey, and answer 500: whoever asked cannot know.
        rewards: every request for a reward that was obeyed the first time: its id and its body.
        given: the characters given: (user, request id); one for each request, never two.
        answer: what is said of a reward instead of giving the card.
        deleted: users that character answers 410 for.
    """

    address: str = ""
    uploads: dict[str, Upload] = field(default_factory=dict)
    any_upload: Upload | None = None
    asked: list[str] = field(default_factory=list)
    trouble: dict[str, list[int]] = field(default_factory=dict)
    stuck: dict[str, int] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    forgetful: bool = False
    rewards: dict[str, dict[str, Any]] = field(default_factory=dict)
    given: list[tuple[str, str]] = field(default_factory=list)
    answer: Any = None
    deleted: set[str] = field(default_factory=set)

    @property
    def image_url(self) -> str:
        """Where the domain image is."""
        return f"{self.address}/image"

    @property
    def character_url(self) -> str:
        """Where the domain character is."""
        return f"{self.address}/character"

    def upload(
        self, content: bytes, *, user_id: str = "user-1", content_type: str = "image/png", state: str = "ready"
    ) -> str:
        """Have a user upload an image. Returns its id."""
        identifier = str(uuid.uuid4())
        self.uploads[identifier] = Upload(user_id, content, content_type, state)
        return identifier

    def calls(self, part: str) -> int:
        """How often a path that holds the part was asked for."""
        return sum(part in path for path in self.asked)

    def app(self) -> Starlette:
        """Both of them."""
        image = "/image/api/v1/internal/images/{image}"
        return Starlette(
            routes=[
                Route(image, self._image),
                Route(f"{image}/content", self._content),
                Route("/character/api/v1/internal/characters/rewards", self._reward, methods=["POST"]),
            ]
        )

    async def _image(self, request: Request) -> Response:
        if (refused := await self._refused(request)) is not None:
            return refused
        found = self._upload(request)
        if found is None:
            return Response(status_code=404)
        if found.state != "ready":
            return Response(status_code=409)
        digest = hashlib.sha256(found.content).hexdigest()
        return JSONResponse(
            {
                "id": request.path_params["image"],
                "state": found.state,
                "content_type": found.content_type,
                "size": len(found.content),
                "sha256": digest,
            }
        )

    async def _content(self, request: Request) -> Response:
        if (refused := await self._refused(request)) is not None:
            return refused
        found = self._upload(request)
        if found is None:
            return Response(status_code=404)
        if found.state != "ready":
            return Response(status_code=409)
        return Response(found.content, media_type=found.content_type)

    def _upload(self, request: Request) -> Upload | None:
        found = self.uploads.get(request.path_params["image"], self.any_upload)
        return found if found is not None and found.user_id == request.query_params["user_id"] else None

    async def _reward(self, request: Request) -> Response:
        body = json.loads(await request.body())
        if (refused := await self._refused(request)) is not None:
            return refused
        if body["user_id"] in self.deleted:
            return Response(status_code=410)
        if self.rewards.setdefault(body["request_id"], body) != body:
            return Response(status_code=409)
        if self.answer is not None:
            return JSONResponse(self.answer)
        gift = (body["user_id"], body["request_id"])
        if gift not in self.given:
            self.given.append(gift)
        if self.forgetful:
            return Response(status_code=500)
        return JSONResponse(
            {
                "received": True,
                "already_owned": False,
                "character": CARD,
                "match_reason": "재활용폐기물 > 금속류",
                "reason": None,
            }
        )

    async def _refused(self, request: Request) -> Response | None:
        path = request.url.path
        self.asked.append(path)
        while any(key in path for key in self.silent):
            if await request.is_disconnected():
                return Response(status_code=499)
            await asyncio.sleep(0.01)
        if request.headers.get("authorization") != f"Bearer {SERVICE_TOKEN}":
            return Response(status_code=401)
        status = next(self._statuses(path), None)
        return None if status is None else Response(status_code=status)

    def _statuses(self, path: str) -> Iterator[int]:
        for key, statuses in self.trouble.items():
            if key in path and statuses:
                yield statuses.pop(0)
        for key, status in self.stuck.items():
            if key in path:
                yield status


@asynccontextmanager
async def scan_peers() -> AsyncIterator[Peers]:
    """Start them; they end with the block."""
    peers = Peers()
    async with serve(peers.app()) as client:
        peers.address = str(client.base_url).rstrip("/")
        try:
            yield peers
        finally:
            peers.silent.clear()  # or requests under way would hold up the end
