"""The files of the knowledge base, read and checked one by one. What they say of each other, `knowledge` checks."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources.abc import Traversable
from typing import Annotated, Any, Final, TypeVar

import orjson
import yaml
from pydantic import Field, TypeAdapter, ValidationError

from eco2_waste_rules.errors import KnowledgeInvalid
from eco2_waste_rules.models import Date, Frozen, Id, SituationTag, Text

CLASSES: Final = "item_class_list.yaml"
TAGS: Final = "situation_tags.yaml"
DOCUMENTS: Final = "documents.yaml"
RULES: Final = "rules"

T = TypeVar("T")


class WrittenItem(Frozen):
    """An item as the class list has it."""

    id: Id
    name: Text
    aliases: tuple[Text, ...]


class WrittenDocument(Frozen):
    """What sources cite. `{entry}` in its address is the number of the entry that a source names."""

    name: Text
    publisher: Text
    date: Date | None = None
    url: str | None = None
    read_in: tuple[Text, ...] = ()


class WrittenSource(Frozen):
    """A source as a rule names it: by the key of its document."""

    document: Id
    section: Text
    entry: int | None = None
    verified: bool


class WrittenRule(Frozen):
    """A rule as its file has it. Its categories are those of its items."""

    id: Id
    items: Annotated[tuple[Id, ...], Field(min_length=1)]
    title: Text
    summary: Text
    steps: Annotated[tuple[Text, ...], Field(min_length=1)]
    cautions: tuple[Text, ...]
    not_this: tuple[Text, ...]
    keywords: tuple[Text, ...]
    sources: Annotated[tuple[WrittenSource, ...], Field(min_length=1)]
    verified: bool


Classes = Mapping[Text, Mapping[Text, Annotated[tuple[WrittenItem, ...], Field(min_length=1)]]]
_CLASSES: Final[TypeAdapter[Classes]] = TypeAdapter(Classes)
_TAGS: Final = TypeAdapter(tuple[SituationTag, ...])
_DOCUMENTS: Final = TypeAdapter(dict[Id, WrittenDocument])
_RULES: Final = TypeAdapter(tuple[WrittenRule, ...])


def read_classes(folder: Traversable) -> Classes:
    """Items by major and middle category.

    Raises:
        KnowledgeInvalid: with the place, as all functions here.
    """
    return _checked(_CLASSES, CLASSES, _yaml(folder, CLASSES))


def read_tags(folder: Traversable) -> tuple[SituationTag, ...]:
    """The situation tags."""
    return _checked(_TAGS, TAGS, _yaml(folder, TAGS))


def read_documents(folder: Traversable) -> dict[str, WrittenDocument]:
    """The documents that sources cite, by key."""
    return _checked(_DOCUMENTS, DOCUMENTS, _yaml(folder, DOCUMENTS))


def read_rules(folder: Traversable) -> dict[str, tuple[WrittenRule, ...]]:
    """The rules by file, in the order of the names of the files."""
    files = sorted(
        (one for one in folder.joinpath(RULES).iterdir() if one.name.endswith(".json")), key=lambda one: one.name
    )
    return {f"{RULES}/{one.name}": _checked(_RULES, f"{RULES}/{one.name}", _json(one)) for one in files}


def _yaml(folder: Traversable, name: str) -> Any:
    try:
        return yaml.safe_load(folder.joinpath(name).read_text("utf-8"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise KnowledgeInvalid(name, f"line {mark.line + 1}" if mark else "", error.problem or "not YAML") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise KnowledgeInvalid(name, "", str(error)) from None


def _json(file: Traversable) -> Any:
    try:
        return orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise KnowledgeInvalid(f"{RULES}/{file.name}", f"line {error.lineno}", error.msg) from None


def _checked(adapter: TypeAdapter[T], file: str, read: object) -> T:
    try:
        return adapter.validate_python(read)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise KnowledgeInvalid(file, ".".join(map(str, first["loc"])), first["msg"]) from None
