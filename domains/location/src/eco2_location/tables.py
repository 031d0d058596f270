"""The tables of the schema `location`. What changes them is a migration."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Index,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import INT4MULTIRANGE, JSONB, UUID

metadata: Final = MetaData(schema="location")

places: Final = Table(
    "places",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True, server_default=text("gen_random_uuid()")),
    Column("source", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("address", Text),
    Column("detail", Text),
    Column("phone", Text),
    Column("lat", Double, nullable=False),
    Column("lng", Double, nullable=False),
    Column("cell", BigInteger, nullable=False),
    Column("hours", JSONB(none_as_null=True)),
    Column("open_minutes", INT4MULTIRANGE),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("source", "external_id", "category", name="places_once"),
    CheckConstraint("lat BETWEEN -90 AND 90", name="places_lat"),
    CheckConstraint("lng >= -180 AND lng < 180 AND (abs(lat) < 90 OR lng = 0)", name="places_lng"),
    CheckConstraint("(hours IS NULL) = (open_minutes IS NULL)", name="places_hours"),
)
"""Where something is collected or sold, once for each category. Of the database's own: `id`, which stays as long as the
source has the place. `cell` is `cells.cell_of` of the coordinates, `open_minutes` is `OpeningHours.open_minutes`."""

Index("places_by_cell", places.c.cell, places.c.id)
Index("places_by_category", places.c.category, places.c.cell, places.c.id)
