"""Indexes of PostGIS and of earthdistance's cube, where the database has them. No extension is made here.

For one that comes later: `eco2-location migrate down 0001`, then `eco2-location migrate`. No data is touched.

The expressions name built-in functions and those written in C only: SQL functions of earthdistance find theirs by the
search path, which is another one when PostgreSQL analyzes the table by itself, and that would fail from then on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_EXTENSIONS = sa.text(
    "SELECT extname, quote_ident(nspname) FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace"
    " WHERE extname IN ('cube', 'postgis') AND has_schema_privilege(nspname, 'USAGE')"
)
_INDEXES = {
    "cube": (
        "CREATE INDEX places_by_cube ON location.places USING gist ({schema}.cube(ARRAY["
        "cos(radians(lat)) * cos(radians(lng)), cos(radians(lat)) * sin(radians(lng)), sin(radians(lat))]))"
    ),
    "postgis": (
        "CREATE INDEX places_by_geography ON location.places USING gist"
        " ({schema}.geography({schema}.ST_SetSRID({schema}.ST_MakePoint(lng, lat), 4326)))"
    ),
}


def upgrade() -> None:
    """Make those there can be."""
    for extension, schema in op.get_bind().execute(_EXTENSIONS).all():
        op.execute(_INDEXES[extension].format(schema=schema))


def downgrade() -> None:
    """Drop those there are."""
    op.execute("DROP INDEX IF EXISTS location.places_by_cube, location.places_by_geography")
