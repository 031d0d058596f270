"""The characters that a user owns, as the domain character tells."""

from __future__ import annotations

from typing import Final

import structlog
from pydantic import ValidationError

from eco2_my.errors import NO_SUCH_PAGE, NoSuchPage
from eco2_my.schemas import OwnedCharacter, OwnedCharacters
from eco2_service.pages import Page
from eco2_service.peers import Peer, PeerUnavailable

log = structlog.get_logger("eco2.my.characters")
_PATH: Final = "/api/v1/internal/characters/owned"


class Characters:
    """Asks the domain character.

    Args:
        peer: None where there is no such domain: then it never answers.
    """

    def __init__(self, peer: Peer | None) -> None:
        self._peer = peer

    async def owned(self, user_id: str, *, limit: int, cursor: str | None) -> OwnedCharacters:
        """A page of them, or the answer that says that they cannot be told now.

        Raises:
            NoSuchPage: the cursor is none of that list.
        """
        page = None if self._peer is None else await _page(self._peer, user_id, limit, cursor)
        if page is None:
            return OwnedCharacters(items=[], next_cursor=None, complete=False, unavailable=["character"])
        return OwnedCharacters(items=page.items, next_cursor=page.next_cursor, complete=True, unavailable=[])


async def _page(peer: Peer, user_id: str, limit: int, cursor: str | None) -> Page[OwnedCharacter] | None:
    query = {"user_id": user_id, "limit": limit, **({"cursor": cursor} if cursor is not None else {})}
    try:
        answer = await peer.request("GET", _PATH, params=query)
    except PeerUnavailable:
        return None  # the peer has logged and counted it
    if answer.status_code == 404 and f"/problems/{NO_SUCH_PAGE}" in answer.text:
        raise NoSuchPage
    if answer.status_code != 200:
        log.error("refused by character", status=answer.status_code)
        return None
    try:
        return Page[OwnedCharacter].model_validate_json(answer.content)
    except ValidationError as error:
        log.error("character's answer is not understood", errors=error.error_count())
        return None
