"""What is sent and answered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from eco2_my.texts import Line, Nickname, Provider


def _utc(moment: datetime) -> datetime:
    """The same moment in UTC. At the ends of the calendar, where UTC may lie beyond it, the nearest there is."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return moment.replace(tzinfo=UTC)


def _text(value: object) -> object:
    """Not a number: pydantic would take it for seconds, or for milliseconds."""
    if isinstance(value, int | float):
        raise ValueError("must be a date with time and offset, such as 2026-01-02T03:04:05Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_text), AfterValidator(_utc)]
LARGEST: Final = 2**53 - 1
"""Integers up to here are the same for everyone who reads JSON (RFC 8259, section 6)."""


class Profile(BaseModel):
    """The signed-in user as signed in: what they chose themselves, else what the provider's account says."""

    user_id: str
    provider: str
    nickname: str | None = Field(description="The user's own, else the account's")
    email: str | None
    picture: str | None = Field(description="Where the account's picture is")
    last_login_at: datetime
    created_at: datetime
    updated_at: datetime


class ProfileChanges(BaseModel):
    """A JSON merge patch (RFC 7396): what is not named stays, null takes the user's own value away."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    nickname: Nickname | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name at least one member to change")
        return self


class Account(BaseModel):
    """An account with a provider."""

    provider: str
    nickname: str | None
    email: str | None
    picture: str | None
    last_login_at: datetime


class OwnedCharacter(BaseModel):
    """A character that the user owns. `type` and `dialog` are Korean."""

    code: str = Field(description="Its name in the catalogue; never changes")
    name: str
    type: str
    dialog: str
    source: str = Field(description="How it was earned: scan, chat or onboarding")
    acquired_at: datetime


class OwnedCharacters(BaseModel):
    """A page of the user's characters, oldest first; without them while their domain does not answer."""

    items: list[OwnedCharacter]
    next_cursor: str | None = Field(description="Of the next page; null when this is the last, or not complete")
    complete: bool = Field(description="False: there may be more than is shown; ask again later")
    unavailable: list[Literal["character"]] = Field(description="The domains that did not answer")


class DeletionStep(BaseModel):
    """A domain that has something of the user."""

    domain: str
    state: Literal["pending", "done", "skipped"] = Field(description="skipped: the domain is not there")


class Deletion(BaseModel):
    """How far the deletion of a user is."""

    user_id: str
    requested_at: datetime
    state: Literal["under_way", "finished"]
    steps: list[DeletionStep] = Field(description="In the order in which they are done")


class PushedAccount(BaseModel):
    """An account as auth has it."""

    model_config = ConfigDict(frozen=True)

    provider: Provider
    email: Line | None = None
    nickname: Line | None = None
    picture: Line | None = None
    last_login_at: Moment


class PushedUser(BaseModel):
    """A user as auth has them. It replaces what was pushed before, unless that was newer."""

    model_config = ConfigDict(frozen=True)

    version: Annotated[int, Field(strict=True, ge=0, le=LARGEST, description="Grows with each change in auth")]
    accounts: Annotated[list[PushedAccount], Field(max_length=100)]
