"""Places, for signed-in users."""

from __future__ import annotations

import math
import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from eco2_location import store
from eco2_location.bounding_box import PATTERN, WORLD, BoundingBox, parse_bbox
from eco2_location.categories import Category
from eco2_location.dependencies import TheResources
from eco2_location.hours_text import kept_text
from eco2_location.models import Found, Place
from eco2_location.moments import Moment, moment
from eco2_location.schemas import CategoryItem, NearbyPlace, PlaceItem
from eco2_service.identity import current_user
from eco2_service.pages import Cursor, Limit, Page, decode_cursor, encode_cursor
from eco2_service.problems import NotFound, problem_responses

PREFIX: Final = "/api/v1/locations"
MAX_RADIUS: Final = 50_000
"""Metres. What is further away is not near."""
router = APIRouter(prefix=PREFIX, tags=["places"], dependencies=[Depends(current_user)])

Lat = Annotated[float, Query(ge=-90, le=90, allow_inf_nan=False, description="Degrees, WGS 84", examples=[37.5665])]
Lng = Annotated[float, Query(ge=-180, le=180, allow_inf_nan=False, description="Degrees, WGS 84", examples=[126.978])]
Radius = Annotated[float, Query(ge=1, le=MAX_RADIUS, allow_inf_nan=False, description="Metres")]
Categories = Annotated[
    list[Category], Query(alias="category", max_length=len(Category), description="Any of these; all without")
]
Corners = Annotated[
    BoundingBox,
    Query(
        description=(
            "minLng,minLat,maxLng,maxLat in degrees. minLng is more than maxLng across the antimeridian; latitudes may"
            " be in any order"
        ),
        json_schema_extra={"pattern": PATTERN},
        examples=["126.9,37.4,127.1,37.6"],
    ),
]


class _Json(Response):
    """What is made of our own rows: the models say what it is, and are not asked whether it is so.

    To validate and serialize a page by them took three times as long as the database.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        super().__init__(orjson.dumps(content), media_type="application/json")


@router.get("/nearby", response_model=Page[NearbyPlace])
async def nearby(
    resources: TheResources,
    lat: Lat,
    lng: Lng,
    radius: Radius = 1000,
    categories: Categories = [],  # noqa: B006 - FastAPI copies it
    open_now: Annotated[bool, Query(description="Only places that are known to be open now")] = False,
    open_at: Annotated[
        datetime | None,
        Query(description="Only places that are known to be open then; without an offset it is Korea's time"),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Places around a point, the nearest first."""
    now = moment(datetime.now(UTC))
    then = None if open_at is None else moment(open_at)
    found = await resources.nearby.nearest(
        (lat, lng),
        radius=radius,
        categories=sorted(set(categories)),
        open_at=[*([now] if open_now else []), *([then] if then else [])],
        after=None if cursor is None else _nearby_key(cursor),
        limit=limit + 1,
    )
    items = [_shown(one.place, then or now) | {"distance": round(one.distance, 1)} for one in found[:limit]]
    return _Json({"items": items, "next_cursor": _nearby_cursor(found[limit - 1]) if len(found) > limit else None})


@router.get("/categories")
async def list_categories() -> list[CategoryItem]:
    """What kinds of places there are."""
    return [CategoryItem(code=category, label=category.label, kind=category.kind) for category in Category]


@router.get("", include_in_schema=False)  # no redirect adds the slash
@router.get("/", response_model=Page[PlaceItem])
async def list_places(
    resources: TheResources,
    bbox: Corners = WORLD,
    categories: Categories = [],  # noqa: B006 - FastAPI copies it
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Places in a part of the map, in no order that means anything, but always the same."""
    after = None if cursor is None else _list_key(cursor)
    async with resources.database.read() as connection:
        found = await store.inside(
            connection, parse_bbox(bbox), categories=sorted(set(categories)), after=after, limit=limit + 1
        )
    now = moment(datetime.now(UTC))
    items = [_shown(place, now) for place in found[:limit]]
    return _Json({"items": items, "next_cursor": _list_cursor(found[limit - 1]) if len(found) > limit else None})


@router.get("/{place_id}", response_model=PlaceItem, responses=problem_responses(404))
async def read_place(place_id: uuid.UUID, resources: TheResources) -> Response:
    """One place. 404: there is none with this id, or no more."""
    async with resources.database.read() as connection:
        place = await store.place(connection, place_id)
    return _Json(_shown(place, moment(datetime.now(UTC))))


def _shown(place: Place, at: Moment) -> dict[str, Any]:
    hours = place.hours
    return {
        "id": str(place.id),
        "category": place.category,
        "label": place.category.label,
        "kind": place.category.kind,
        "name": place.name,
        "address": place.address,
        "detail": place.detail,
        "phone": place.phone,
        "lat": place.lat,
        "lng": place.lng,
        "hours": None if hours is None else orjson.Fragment(kept_text(hours)),
        "is_open": None if hours is None else hours.is_open(at),
        "source": place.source,
        "updated_at": place.updated_at,
    }


def _nearby_cursor(last: Found) -> str:
    return encode_cursor({"distance": repr(last.distance), "id": str(last.place.id)})


def _nearby_key(cursor: str) -> tuple[float, uuid.UUID]:
    key = decode_cursor(cursor, "distance", "id")
    try:
        distance, place_id = float(key["distance"]), uuid.UUID(key["id"])
    except ValueError:
        raise _no_page() from None
    if not (math.isfinite(distance) and distance >= 0):
        raise _no_page()
    return distance, place_id


def _list_cursor(last: Place) -> str:
    return encode_cursor({"cell": str(last.cell), "id": str(last.id)})


def _list_key(cursor: str) -> tuple[int, uuid.UUID]:
    key = decode_cursor(cursor, "cell", "id")
    try:
        cell, place_id = int(key["cell"]), uuid.UUID(key["id"])
    except ValueError:
        raise _no_page() from None
    if not 0 <= cell < 2**63:
        raise _no_page()
    return cell, place_id


def _no_page() -> NotFound:
    return NotFound("cursor: there is no such page; begin without one", slug="no-such-page")
