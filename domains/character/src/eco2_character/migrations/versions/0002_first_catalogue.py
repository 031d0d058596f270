"""The first catalogue: the characters of data/catalogue.csv. What changes later is an import.

The file belongs to this step and stays as it is: databases that have taken the step would not notice an edit.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Mapping
from importlib.resources import files

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import insert

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SCHEMA = "character"
_characters = sa.table(
    "characters",
    *(
        sa.column(name)
        for name in ("code", "name", "type", "dialog", "description", "match_major", "match_middle", "match_minor")
    ),
    sa.column("id"),
    sa.column("match_key"),
    sa.column("is_default", sa.Boolean),
    schema=SCHEMA,
)
_version = sa.table("catalogue_version", sa.column("version", sa.BigInteger), schema=SCHEMA)
_ownerships = sa.table("ownerships", sa.column("character_id"), schema=SCHEMA)


def _seed() -> list[dict[str, object]]:
    """As `eco2-character import` would write them; a step that has run must not change with the program."""
    lines = files("eco2_character").joinpath("data/catalogue.csv").read_text("utf-8").splitlines()
    return [_values(row) for row in csv.DictReader(lines, strict=True)]


def _values(row: Mapping[str, str]) -> dict[str, object]:
    labels = {name: None if row[name] == "*" else row[name] for name in ("match_major", "match_middle", "match_minor")}
    folded = ("".join(unicodedata.normalize("NFD", label).casefold().split()) for label in labels.values() if label)
    return {
        **{name: row[name] for name in ("code", "name", "type", "dialog")},
        **labels,
        "description": row["description"] or None,
        "match_key": "\x1f".join(unicodedata.normalize("NFC", label) for label in folded),
        "is_default": row["default"] == "yes",
    }


def upgrade() -> None:
    """Add the characters; what is there already stays as it is."""
    for values in _seed():
        op.execute(insert(_characters).values(values).on_conflict_do_nothing())
    op.execute(sa.update(_version).values(version=_version.c.version + 1))


def downgrade() -> None:
    """Take those away that nobody owns."""
    owned = sa.exists().where(_ownerships.c.character_id == _characters.c.id)
    codes = [values["code"] for values in _seed()]
    op.execute(sa.delete(_characters).where(_characters.c.code.in_(codes) & ~owned))
    op.execute(sa.update(_version).values(version=_version.c.version + 1))
