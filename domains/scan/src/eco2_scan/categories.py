"""The categories as they are answered."""

from __future__ import annotations

from collections.abc import Iterable

from eco2_scan.schemas import Categories, CategoryItem, MajorCategory, MiddleCategory
from eco2_waste_rules.models import ItemClass


def categories_of(items: Iterable[ItemClass]) -> Categories:
    """The items by major and middle category, all in the order in which they come."""
    found: dict[str, dict[str, list[CategoryItem]]] = {}
    for item in items:
        middles = found.setdefault(item.labels.major, {})
        middles.setdefault(item.labels.middle, []).append(CategoryItem(id=item.id, name=item.name))
    return Categories(
        items=[
            MajorCategory(
                name=major,
                categories=[MiddleCategory(name=middle, items=those) for middle, those in middles.items()],
            )
            for major, middles in found.items()
        ]
    )
