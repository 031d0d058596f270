"""What is sent and answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from eco2_character.matching import Labels
from eco2_service.identity import UserId

RequestId = Annotated[
    str,
    StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$"),
    Field(description="Chosen by the caller, the same for every attempt: 1 to 128 visible ASCII characters"),
]
Label = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"),
]
"""A category's name: not blank, on one line."""
Source = Literal["scan", "chat"]


class Classification(BaseModel):
    """The categories of an item, as the waste pipeline found them."""

    model_config = ConfigDict(frozen=True)

    major_category: Label
    middle_category: Label
    minor_category: Label | None = None

    @property
    def labels(self) -> Labels:
        """For matching."""
        return Labels(self.major_category, self.middle_category, self.minor_category)


class CharacterRewardRequest(BaseModel):
    """An item was classified: does the user earn a character?"""

    model_config = ConfigDict(frozen=True)

    request_id: RequestId
    source: Source
    user_id: UserId
    task_id: Annotated[str, Field(description="The scan or conversation that asks")] = Field(
        pattern=r"^[\x21-\x7e]{1,128}$"
    )
    classification: Classification
    situation_tags: Annotated[list[Label], Field(max_length=50)] = []
    disposal_rules_present: bool = Field(
        strict=True, description="Rules for the item were found: without, nothing is earned"
    )
    insufficiencies_present: bool = Field(
        strict=True, description="The item is not prepared as it should be: nothing is earned"
    )


class OnboardingRequest(BaseModel):
    """A user has arrived."""

    model_config = ConfigDict(frozen=True)

    user_id: UserId


class CharacterCard(BaseModel):
    """A character as it is shown. `type` and `dialog` are Korean, for users."""

    code: str = Field(description="Its name in the catalogue; never changes")
    name: str
    type: str
    dialog: str


NoReward = Literal["already_owned", "insufficiencies_present", "no_default_character", "no_disposal_rules", "no_match"]


class CharacterRewardResponse(BaseModel):
    """What a user earned."""

    received: bool = Field(description="The user has the character by this request")
    already_owned: bool = Field(description="The user had it before")
    character: CharacterCard | None = Field(description="The one that is earned or was owned")
    match_reason: str | None = Field(description="The labels it is earned by, as in 재활용폐기물 > 종이팩")
    reason: NoReward | None = Field(description="Why nothing was received; null when something was")


class MatchLabels(BaseModel):
    """What a character is earned by; null is any category."""

    major_category: str
    middle_category: str | None
    minor_category: str | None


class CatalogueItem(CharacterCard):
    """A character of the catalogue."""

    description: str | None
    match: MatchLabels
    is_default: bool = Field(description="Everybody starts with it")


class OwnedCharacter(CharacterCard):
    """A character that a user has, also when it left the catalogue."""

    source: Literal["scan", "chat", "onboarding"]
    acquired_at: datetime
