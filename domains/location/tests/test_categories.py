"""Categories: their Korean names, and the words of data files."""

import pytest

from eco2_location.categories import Category, Kind, categories_of


@pytest.mark.parametrize("category", list(Category), ids=str)
def test_every_category_is_found_by_its_code_and_its_label(category: Category) -> None:
    assert categories_of(category.value) == ((category,), ())
    assert categories_of(category.label) == ((category,), ())
    assert any("가" <= letter <= "힣" for letter in category.label)
    assert category.kind in Kind


def test_labels_differ() -> None:
    assert len({category.label for category in Category}) == len(Category)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("헌옷수거함", [Category.CLOTHES]),
        (" 폐건전지  분리 수거함 ", [Category.BATTERY]),
        ("폐건전지, 폐형광등", [Category.BATTERY, Category.LAMP]),
        ("폐형광등·폐건전지 수거함", [Category.LAMP, Category.BATTERY]),
        ("폐형광등 및 폐건전지", [Category.LAMP, Category.BATTERY]),
        ("건전지/폐건전지", [Category.BATTERY]),
        ("폐의약품(수거함)", [Category.MEDICINE]),
        ("Zero_Waste_Shop", [Category.ZERO_WASTE_SHOP]),
        ("리필샵;제로웨이스트샵", [Category.REFILL_STATION, Category.ZERO_WASTE_SHOP]),
        ("소형가전", [Category.SMALL_ELECTRONICS]),
        ("캔·페트병 회수기", [Category.REVERSE_VENDING]),
        ("", []),
        (" , ", []),
    ],
)
def test_words_of_data_files(text: str, expected: list[Category]) -> None:
    assert categories_of(text) == (tuple(expected), ())


def test_what_is_no_category_is_told_apart() -> None:
    assert categories_of("폐건전지, 공중화장실, 수거함") == ((Category.BATTERY,), ("공중화장실", "수거함"))
