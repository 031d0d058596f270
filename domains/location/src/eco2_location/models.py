"""Places as the program has them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from eco2_location.categories import Category
from eco2_location.hours import OpeningHours


@dataclass(frozen=True, slots=True)
class NewPlace:
    """A place as a data file has it, tidied; `external_id` is its name there."""

    external_id: str
    category: Category
    name: str
    address: str | None
    detail: str | None
    phone: str | None
    lat: float
    lng: float
    hours: OpeningHours | None


@dataclass(frozen=True, slots=True)
class Place:
    """A place as it is kept; `source` is the data set it comes from, `cell` see `cells`."""

    id: uuid.UUID
    source: str
    category: Category
    name: str
    address: str | None
    detail: str | None
    phone: str | None
    lat: float
    lng: float
    cell: int
    hours: OpeningHours | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """A place and how far it is from where was asked, in metres."""

    place: Place
    distance: float
