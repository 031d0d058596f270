"""Who earns what. Every change of a user is one transaction behind the user's lock, so none is done twice."""

from __future__ import annotations

import hashlib
from typing import Final

import orjson
import structlog
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncConnection

from eco2_character import store
from eco2_character.errors import OtherRequest
from eco2_character.matching import best, keys_of
from eco2_character.models import Answered, Character
from eco2_character.schemas import CharacterCard, CharacterRewardRequest, CharacterRewardResponse, NoReward
from eco2_service.database import Database
from eco2_service.metrics import Metrics
from eco2_service.problems import UserDeleted

RESULTS: Final = (
    "received",
    "already_owned",
    "insufficiencies_present",
    "no_disposal_rules",
    "no_match",
    "repeated",
    "other_request",
    "user_deleted",
)
log = structlog.get_logger("eco2.character")


class Rewards:
    """Gives characters to users."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._results = Counter(
            "eco2_rewards_total", "Requests for a reward, by what came of them", ("result",), registry=metrics.registry
        )
        for result in RESULTS:  # all are there from the start: a rate needs a first value
            self._results.labels(result)

    async def reward(self, request: CharacterRewardRequest) -> CharacterRewardResponse:
        """Give what a classification earns. The same request again gets the same answer, and nothing else happens.

        Raises:
            OtherRequest: when the request id came before with another body.
            UserDeleted: when the user has left.
        """
        try:
            async with self._database.begin() as connection:
                response, result = await _reward(connection, request)
        except OtherRequest:
            self._results.labels("other_request").inc()
            raise
        except UserDeleted:
            self._results.labels("user_deleted").inc()
            raise
        self._results.labels(result).inc()
        log.info("reward", result=result, source=request.source, task_id=request.task_id)
        return response

    async def onboard(self, user_id: str) -> CharacterRewardResponse:
        """Give the character that everybody starts with, once.

        Raises:
            UserDeleted: when the user has left.
        """
        async with self._database.begin() as connection:
            if await store.lock_user(connection, user_id):
                raise UserDeleted
            character = await store.default(connection)
            if character is None:
                return _nothing("no_default_character")
            return _outcome(character, await store.give(connection, user_id, character.id, "onboarding"), None)

    async def delete_user(self, user_id: str) -> None:
        """Forget a user. What was under way for them is done before, or refused after; again, nothing happens."""
        async with self._database.begin() as connection:
            await store.lock_user(connection, user_id)
            await store.delete_user(connection, user_id)


async def _reward(connection: AsyncConnection, request: CharacterRewardRequest) -> tuple[CharacterRewardResponse, str]:
    """The answer, and what is counted."""
    fingerprint = fingerprint_of(request)
    if await store.lock_user(connection, request.user_id):
        raise UserDeleted
    if (before := await store.answered(connection, request.request_id)) is not None:
        if before.fingerprint != fingerprint:
            raise OtherRequest
        return CharacterRewardResponse.model_validate(before.response), "repeated"
    response = await _decide(connection, request)
    answer = Answered(fingerprint, response.model_dump())
    if not await store.remember(connection, request.request_id, request.user_id, answer):
        raise OtherRequest  # another user's, since this user's wait for each other
    return response, response.reason or "received"


async def _decide(connection: AsyncConnection, request: CharacterRewardRequest) -> CharacterRewardResponse:
    if request.insufficiencies_present:
        return _nothing("insufficiencies_present")
    if not request.disposal_rules_present:
        return _nothing("no_disposal_rules")
    labels = request.classification.labels
    character = best(await store.with_match_keys(connection, keys_of(labels)), labels)
    if character is None:
        return _nothing("no_match")
    is_new = await store.give(connection, request.user_id, character.id, request.source)
    return _outcome(character, is_new, str(character.match))


def fingerprint_of(request: CharacterRewardRequest) -> bytes:
    """32 bytes that two requests share when they ask for the same."""
    body = request.model_dump(exclude={"request_id"})
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).digest()


def _nothing(reason: NoReward) -> CharacterRewardResponse:
    return CharacterRewardResponse(
        received=False, already_owned=False, character=None, match_reason=None, reason=reason
    )


def _outcome(character: Character, is_new: bool, match_reason: str | None) -> CharacterRewardResponse:
    return CharacterRewardResponse(
        received=is_new,
        already_owned=not is_new,
        character=CharacterCard(code=character.code, name=character.name, type=character.type, dialog=character.dialog),
        match_reason=match_reason,
        reason=None if is_new else "already_owned",
    )
