"""What is asked and answered."""

from __future__ import annotations

import uuid
from datetime import datetime

from pydantic import BaseModel, Field

from eco2_location.categories import Category, Kind


class CategoryItem(BaseModel):
    """A kind of places."""

    code: Category
    label: str = Field(description="For users, in Korean")
    kind: Kind


class HoursInterval(BaseModel):
    """Open from one time of day to another: on the next day when that is not later."""

    opens: str = Field(examples=["09:00"])
    closes: str = Field(examples=["18:00", "02:00", "24:00"])


Day = list[HoursInterval] | None


class WeekHours(BaseModel):
    """Opening hours in Korea's time. An empty list: closed all day; null: not known."""

    mon: Day
    tue: Day
    wed: Day
    thu: Day
    fri: Day
    sat: Day
    sun: Day
    holiday: Day = Field(description="On public holidays, whatever day of the week they are")


class PlaceItem(BaseModel):
    """A place where something is collected or sold."""

    id: uuid.UUID
    category: Category
    label: str = Field(description="The category's, for users")
    kind: Kind
    name: str
    address: str | None
    detail: str | None = Field(description="Where it is at the address")
    phone: str | None
    lat: float = Field(description="Degrees, WGS 84")
    lng: float = Field(description="Degrees, WGS 84")
    hours: WeekHours | None = Field(description="null: not known")
    is_open: bool | None = Field(description="At the time that was asked for, else now; null: not known")
    source: str = Field(description="The data set it comes from")
    updated_at: datetime


class NearbyPlace(PlaceItem):
    """A place, and how far it is."""

    distance: float = Field(description="Metres, along the great circle")
