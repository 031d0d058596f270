"""The knowledge base: what can be thrown away, and how. Nothing of it is used before all of it is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from eco2_waste_rules import files
from eco2_waste_rules.errors import KnowledgeInvalid
from eco2_waste_rules.files import Classes, WrittenDocument, WrittenRule, WrittenSource
from eco2_waste_rules.models import ItemClass, Labels, Rule, SituationTag, Source


@dataclass(frozen=True)
class Knowledge:
    """All of it. `items`, `rules` and `tags` are by id, in the order of the files."""

    items: Mapping[str, ItemClass]
    rules: Mapping[str, Rule]
    tags: Mapping[str, SituationTag]

    def rules_for(self, what: Labels | str) -> tuple[Rule, ...]:
        """The rules of an item; of the middle category, when nothing more is known; none for what is unknown.

        Args:
            what: the id of an item, or a classification as the class list writes it.
        """
        item = self.items.get(what) if isinstance(what, str) else self._item(what)
        if item is not None:
            return tuple(rule for rule in self.rules.values() if item.id in rule.items)
        if isinstance(what, str):
            return ()
        return tuple(rule for rule in self.rules.values() if (rule.major, rule.middle) == (what.major, what.middle))

    def _item(self, labels: Labels) -> ItemClass | None:
        return next((item for item in self.items.values() if item.labels == labels), None)


@cache
def load_knowledge() -> Knowledge:
    """The knowledge base of this package, read once in a process.

    Raises:
        KnowledgeInvalid: when it is not as it should be.
    """
    return read_knowledge(resources.files("eco2_waste_rules").joinpath("data"))


def read_knowledge(folder: Traversable) -> Knowledge:
    """The knowledge base of a folder.

    Raises:
        KnowledgeInvalid: for the first fault found, with its file and place.
    """
    items = _items(files.read_classes(folder))
    tags = files.read_tags(folder)
    _unique(files.TAGS, "id", (tag.id for tag in tags))
    _unique(files.TAGS, "name", (tag.name for tag in tags))
    documents = files.read_documents(folder)
    rules: dict[str, Rule] = {}
    for file, written in files.read_rules(folder).items():
        for place, one in enumerate(written):
            if one.id in rules:
                raise KnowledgeInvalid(file, f"{place}.id", f"there is another rule {one.id}")
            rules[one.id] = _rule(one, items, documents, file, str(place))
    _unique(files.RULES, "title", (rule.title for rule in rules.values()))
    ruled = {item for rule in rules.values() for item in rule.items}
    for item in items:
        if item not in ruled:
            raise KnowledgeInvalid(files.CLASSES, item, "no rule is about it")
    return Knowledge(items, rules, {tag.id: tag for tag in tags})


def _items(classes: Classes) -> dict[str, ItemClass]:
    items = [
        ItemClass(
            id=one.id, name=one.name, aliases=one.aliases, labels=Labels(major=major, middle=middle, minor=one.name)
        )
        for major, middles in classes.items()
        for middle, written in middles.items()
        for one in written
    ]
    _unique(files.CLASSES, "id", (item.id for item in items))
    _unique(files.CLASSES, "name or alias", (name for item in items for name in (item.name, *item.aliases)))
    return {item.id: item for item in items}


def _rule(
    one: WrittenRule, items: Mapping[str, ItemClass], documents: Mapping[str, WrittenDocument], file: str, place: str
) -> Rule:
    """A rule with the categories of its items and its sources in full."""
    unknown = [id_ for id_ in one.items if id_ not in items]
    if unknown:
        raise KnowledgeInvalid(file, f"{place}.items", f"no such item: {', '.join(unknown)}")
    _unique(file, f"{place}.items", one.items)
    _unique(file, f"{place}.keywords", one.keywords)
    labels = {(items[id_].labels.major, items[id_].labels.middle) for id_ in one.items}
    if len(labels) > 1:
        raise KnowledgeInvalid(file, f"{place}.items", "they are of different categories")
    sources = tuple(
        _source(source, documents, file, f"{place}.sources.{number}") for number, source in enumerate(one.sources)
    )
    if one.verified and not all(source.verified for source in sources):
        raise KnowledgeInvalid(file, f"{place}.verified", "not every source is verified")
    (major, middle), *_ = labels
    minor = items[one.items[0]].name if len(one.items) == 1 else None
    written = one.model_dump(exclude={"sources"})
    return Rule(**written, major=major, middle=middle, minor=minor, sources=sources)


def _source(one: WrittenSource, documents: Mapping[str, WrittenDocument], file: str, place: str) -> Source:
    document = documents.get(one.document)
    if document is None:
        raise KnowledgeInvalid(file, f"{place}.document", f"no such document: {one.document}")
    if one.verified and not document.read_in:
        raise KnowledgeInvalid(file, f"{place}.verified", f"{one.document} was read nowhere")
    has_entries = document.url is not None and "{entry}" in document.url
    if has_entries != (one.entry is not None):
        raise KnowledgeInvalid(file, f"{place}.entry", "an entry, and only of a document whose address has one")
    return Source(
        document=document.name,
        section=one.section,
        publisher=document.publisher,
        date=document.date,
        url=document.url and document.url.replace("{entry}", str(one.entry)),
        verified=one.verified,
        read_in=document.read_in if one.verified else (),
    )


def _unique(file: str, place: str, values: Iterable[Hashable]) -> None:
    twice = [str(value) for value, times in Counter(values).items() if times > 1]
    if twice:
        raise KnowledgeInvalid(file, place, f"more than once: {', '.join(twice)}")
