"""The knowledge base as it is, and what is refused."""

import csv
import shutil
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from pydantic import ValidationError

from eco2_waste_rules.errors import KnowledgeInvalid
from eco2_waste_rules.knowledge import Knowledge, load_knowledge, read_knowledge
from eco2_waste_rules.models import Labels

CATALOGUE = Path(__file__).parents[2] / "character" / "src" / "eco2_character" / "data" / "catalogue.csv"


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the knowledge base, to be spoiled."""
    with resources.as_file(resources.files("eco2_waste_rules").joinpath("data")) as data:
        return Path(shutil.copytree(data, tmp_path / "data"))


def test_it_is_read_once(knowledge: Knowledge) -> None:
    assert load_knowledge() is knowledge


def test_it_holds_rules_for_all_kinds_of_waste(knowledge: Knowledge) -> None:
    assert len(knowledge.rules) >= 100
    assert 85 <= len(knowledge.items) <= 120
    assert {item.labels.major for item in knowledge.items.values()} == {
        *("재활용폐기물", "음식물류폐기물", "일반종량제폐기물"),
        *("불연성폐기물", "대형폐기물", "생활계유해폐기물"),
    }
    assert {tag.kind for tag in knowledge.tags.values()} == {"insufficiency", "condition"}


def test_every_character_can_be_earned(knowledge: Knowledge) -> None:
    labels = [item.labels for item in knowledge.items.values()]
    known = {(one.major, middle, minor) for one in labels for middle in (one.middle, "*") for minor in (one.minor, "*")}
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            assert (row["match_major"], row["match_middle"], row["match_minor"]) in known, row["code"]


def test_nothing_is_verified_that_was_not_read(knowledge: Knowledge) -> None:
    for rule in knowledge.rules.values():
        assert all(bool(source.read_in) == source.verified for source in rule.sources), rule.id
        assert rule.verified == all(source.verified for source in rule.sources), rule.id
    assert {rule.verified for rule in knowledge.rules.values()} == {True, False}


def test_a_file_of_rules_is_of_one_category(folder: Path) -> None:
    items = read_knowledge(folder).items
    for file in (folder / "rules").glob("*.json"):
        labels = [items[item].labels for rule in orjson.loads(file.read_bytes()) for item in rule["items"]]
        assert len({(one.major, one.middle) for one in labels}) == 1, file.name


def test_the_rules_of_an_item(knowledge: Knowledge) -> None:
    assert [rule.id for rule in knowledge.rules_for("bones")] == ["bones"]
    exact = Labels(major="재활용폐기물", middle="금속류", minor="부탄가스·살충제 용기")
    assert [rule.id for rule in knowledge.rules_for(exact)] == ["butane-can"]


@pytest.mark.parametrize("minor", [None, "모르는 것"])
def test_the_rules_of_a_category_where_the_item_is_unknown(knowledge: Knowledge, minor: str | None) -> None:
    rules = knowledge.rules_for(Labels(major="재활용폐기물", middle="종이팩", minor=minor))
    assert [rule.id for rule in rules] == ["milk-carton", "aseptic-carton"]


@pytest.mark.parametrize("what", ["nothing", Labels(major="재활용폐기물", middle="모르는 것")], ids=["item", "labels"])
def test_no_rules_of_what_is_unknown(knowledge: Knowledge, what: Labels | str) -> None:
    assert knowledge.rules_for(what) == ()


def test_a_source_has_the_address_of_its_entry(knowledge: Knowledge) -> None:
    source = next(one for one in knowledge.rules["bones"].sources if one.section == "닭뼈")
    assert source.url == "https://www.xn--oy2b29bd3a601b.kr/front/dischargeMethod/dictionaryView.do?niIdx=736"


def test_nobody_changes_a_rule(knowledge: Knowledge) -> None:
    with pytest.raises(ValidationError):
        knowledge.rules["bones"].title = "뼈"  # type: ignore[misc]


Spoil = Callable[[Path], None]


def in_rules(name: str, change: Callable[[list[dict[str, Any]]], object]) -> Spoil:
    def spoil(folder: Path) -> None:
        file = folder / "rules" / name
        rules = orjson.loads(file.read_bytes())
        change(rules)
        file.write_bytes(orjson.dumps(rules))

    return spoil


def in_yaml(name: str, change: Callable[[Any], object]) -> Spoil:
    def spoil(folder: Path) -> None:
        file = folder / name
        read = yaml.safe_load(file.read_text())
        change(read)
        file.write_text(yaml.safe_dump(read, allow_unicode=True, sort_keys=False))

    return spoil


def written(name: str, content: bytes) -> Spoil:
    return lambda folder: (folder / name).write_bytes(content) and None


PAPER = "rules/paper.json"
CLASSES = "item_class_list.yaml"
SPOILT = {
    "not JSON": (written(PAPER, b"[\n{"), PAPER, "line 2"),
    "not YAML": (written(CLASSES, b"a: [1\nb: }"), CLASSES, "line 2"),
    "not UTF-8": (written(CLASSES, b"\xff\xfe\x00"), CLASSES, ""),
    "control character": (written(CLASSES, b"a: \x00"), CLASSES, ""),
    "no list": (written(PAPER, b"{}"), PAPER, ""),
    "a field is missing": (in_rules("paper.json", lambda rules: rules[1].pop("summary")), PAPER, "1.summary"),
    "an unknown field": (in_rules("paper.json", lambda rules: rules[0].update(note="x")), PAPER, "0.note"),
    "an empty text": (in_rules("paper.json", lambda rules: rules[0]["steps"].append(" ")), PAPER, "0.steps.3"),
    "no steps": (in_rules("paper.json", lambda rules: rules[0]["steps"].clear()), PAPER, "0.steps"),
    "no sources": (in_rules("paper.json", lambda rules: rules[0]["sources"].clear()), PAPER, "0.sources"),
    "a bad id": (in_rules("paper.json", lambda rules: rules[0].update(id="News Paper")), PAPER, "0.id"),
    "a rule twice": (in_rules("paper.json", lambda rules: rules.append(rules[0])), PAPER, "8.id"),
    "a title twice": (in_rules("paper.json", lambda rules: rules[0].update(title="휴지심")), "rules", "title"),
    "an unknown item": (in_rules("paper.json", lambda rules: rules[0]["items"].append("x")), PAPER, "0.items"),
    "an item twice": (in_rules("paper.json", lambda rules: rules[0]["items"].append("newspaper")), PAPER, "0.items"),
    "a keyword twice": (in_rules("paper.json", lambda rules: rules[0]["keywords"].extend("aa")), PAPER, "0.keywords"),
    "items of two categories": (
        in_rules("paper.json", lambda rules: rules[0]["items"].append("bones")), PAPER, "0.items",
    ),
    "an unknown document": (
        in_rules("paper.json", lambda rules: rules[0]["sources"][0].update(document="x")),
        PAPER, "0.sources.0.document",
    ),
    "verified and never read": (
        in_rules("paper.json", lambda rules: rules[0]["sources"][0].update(document="separation-guide-leaflet")),
        PAPER, "0.sources.0.verified",
    ),
    "verified with a source that is not": (
        in_rules("paper.json", lambda rules: rules[0]["sources"][0].update(verified=False)), PAPER, "0.verified",
    ),
    "an entry is missing": (
        in_rules("paper.json", lambda rules: rules[1]["sources"][1].pop("entry")), PAPER, "1.sources.1.entry",
    ),
    "an entry too many": (
        in_rules("paper.json", lambda rules: rules[0]["sources"][0].update(entry=1)), PAPER, "0.sources.0.entry",
    ),
    "an item without a rule": (in_rules("paper.json", lambda rules: rules.pop(0)), CLASSES, "newspaper"),
    "an item twice in the list": (
        in_yaml(CLASSES, lambda read: read["재활용폐기물"]["종이류"].append(read["재활용폐기물"]["종이류"][0])),
        CLASSES, "id",
    ),
    "one alias for two items": (
        in_yaml(CLASSES, lambda read: read["재활용폐기물"]["종이류"][0]["aliases"].append("휴지심")),
        CLASSES, "name or alias",
    ),
    "an empty category": (
        in_yaml(CLASSES, lambda read: read["재활용폐기물"]["종이팩"].clear()), CLASSES, "재활용폐기물.종이팩",
    ),
    "a tag twice": (in_yaml("situation_tags.yaml", lambda tags: tags.append(tags[0])), "situation_tags.yaml", "id"),
    "a tag of no kind": (
        in_yaml("situation_tags.yaml", lambda tags: tags[2].update(kind="x")), "situation_tags.yaml", "2.kind",
    ),
    "a bad date": (
        in_yaml("documents.yaml", lambda read: read["item-dictionary"].update(date="May")), "documents.yaml",
        "item-dictionary.date",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "file", "place"), SPOILT.values(), ids=SPOILT.keys())
def test_what_is_wrong_is_refused_with_its_place(folder: Path, spoil: Spoil, file: str, place: str) -> None:
    spoil(folder)
    with pytest.raises(KnowledgeInvalid) as refusal:
        read_knowledge(folder)
    assert (refusal.value.file, refusal.value.place) == (file, place)
    assert str(refusal.value) == f"{file}: {place}: {refusal.value.reason}"
