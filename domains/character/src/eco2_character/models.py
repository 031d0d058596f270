"""What the store gives: rows with names and types."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from eco2_character.matching import Labels


@dataclass(frozen=True, slots=True)
class Character:
    """A character that is, or was, in the catalogue."""

    id: uuid.UUID
    code: str
    name: str
    type: str
    dialog: str
    description: str | None
    match: Labels
    is_default: bool
    is_retired: bool


@dataclass(frozen=True, slots=True)
class Owned:
    """A character that a user has."""

    character: Character
    source: str
    acquired_at: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered to a request for a reward; `fingerprint` is of its body."""

    fingerprint: bytes
    response: dict[str, Any]
