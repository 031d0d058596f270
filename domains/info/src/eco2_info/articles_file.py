"""Articles as a YAML file: read whole, with every fault found and none passed on.

A list of mappings. All scalars are texts for YAML (`no` is no boolean here, 2024 no number); what they mean is said by
`Entry` alone. No aliases: a few lines of them unfold to gigabytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import yaml
from pydantic import ValidationError

from eco2_info.entry import Entry

MAX_BYTES: Final = 5 * 1024 * 1024
MAX_ARTICLES: Final = 10_000
Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a file is refused. Line and place are None for the whole file.

    Args:
        place: such as ``2.sources.0.document``: of the third article, the document of its first source.
    """

    problem: str
    line: int | None = None
    place: str | None = None


@dataclass(slots=True)
class ArticlesFile:
    """What a file says. With one fault or more nothing of it may be used."""

    entries: list[Entry] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


class _Refused(Exception):
    """The reading cannot go on."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.problem)
        self.fault = fault


class _Loader(yaml.BaseLoader):
    """Makes texts, lists and mappings, and follows no alias."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise _Refused(Fault("an alias (*name): write out what it stands for", line=event.start_mark.line + 1))
        return super().compose_node(parent, index)


def read_articles(data: bytes) -> ArticlesFile:
    """Read the bytes of a YAML file. Never raises for what they hold: every fault is in the result."""
    found = ArticlesFile()
    try:
        root = _compose(_decode(data))
        found.faults += _doubled_keys(root, ())
        for position, node in enumerate(root.value):
            _read_entry(position, node, found)
        found.faults += _doubled_ids(found.entries, root.value) if not found.faults else ()
    except _Refused as refused:
        found.faults.append(refused.fault)
    return found


def _decode(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise _Refused(Fault(f"the file has more than {MAX_BYTES} bytes: is it the right one?"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _Refused(Fault("the file is not UTF-8: save it as UTF-8", line=line)) from None


def _compose(text: str) -> yaml.SequenceNode:
    try:
        root = yaml.compose(text, _Loader)
    except RecursionError:
        raise _Refused(Fault("lists within lists without an end: is it the right file?")) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else None
        raise _Refused(Fault(f"not YAML: {error.problem}", line=line)) from None
    except yaml.YAMLError as error:  # a character that YAML does not take
        raise _Refused(Fault(f"not YAML: {str(error).splitlines()[0]}")) from None
    if not isinstance(root, yaml.SequenceNode):
        raise _Refused(Fault("not a list of articles: each begins with a dash (- id: ...)"))
    if not root.value:
        raise _Refused(Fault("no articles: an empty file would delete all there are; is it the right one?"))
    if len(root.value) > MAX_ARTICLES:
        raise _Refused(Fault(f"more than {MAX_ARTICLES} articles: is it the right file?"))
    return root


def _read_entry(position: int, node: yaml.Node, found: ArticlesFile) -> None:
    try:
        found.entries.append(Entry.model_validate(_plain(node)))
    except ValidationError as error:
        for wrong in error.errors(include_url=False, include_context=False, include_input=False):
            place = (position, *wrong["loc"])
            problem = str(wrong["msg"]).removeprefix("Value error, ")
            found.faults.append(Fault(problem, line=_line(node, wrong["loc"]), place=_shown(place)))


def _plain(node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return {_key(key): _plain(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    return node.value


def _key(node: yaml.Node) -> str:
    return cast(str, node.value) if isinstance(node, yaml.ScalarNode) else "(no text)"


def _line(node: yaml.Node, location: Sequence[str | int]) -> int:
    """The line of a part, or of what it is missing from."""
    for step in location:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
        elif isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if _key(key) == step), node)
    return int(node.start_mark.line) + 1


def _doubled_keys(node: yaml.Node, place: Place) -> Iterator[Fault]:
    """YAML forbids a key twice in a mapping, and PyYAML takes the last."""
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _doubled_keys(item, (*place, position))
    if isinstance(node, yaml.MappingNode):
        keys = [_key(key) for key, _ in node.value]
        for number, (key, value) in enumerate(node.value):
            here = (*place, _key(key))
            if _key(key) in keys[:number]:
                yield Fault("it is there twice: keep one", line=key.start_mark.line + 1, place=_shown(here))
            yield from _doubled_keys(value, here)


def _doubled_ids(entries: Sequence[Entry], nodes: Sequence[yaml.Node]) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for position, (entry, node) in enumerate(zip(entries, nodes, strict=True)):
        line = _line(node, ("id",))
        if (first := seen.setdefault(entry.id, line)) != line:
            yield Fault(f"the same id as on line {first}", line=line, place=_shown((position, "id")))


def _shown(place: Place) -> str:
    return ".".join(str(step) for step in place)
