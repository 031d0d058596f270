"""What the model says: from the picture, the words of the question and the schema, and always the same.

A schema is filled by the names and the kinds of its properties:

* a choice of ids is the one that the picture shows, or that the question names by a word that stands beside the id on
  a line of the prompt; null where that may be, or the last resort of the list, when there is none;
* a list of a choice has the tags that the picture shows; of rules, the first one;
* `intent` and `priority` follow from words of the question; of other choices it is the last resort or the first;
* text is a short Korean sentence: an answer that rests on the first rule, the question, or what is in the picture.

The question is the block `question` of the user's last message (see eco2_model_server.blocks), or all of it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import orjson

from eco2_model_server import wording
from eco2_model_server.asked import Asked
from eco2_model_server.blocks import blocks
from eco2_model_server.pictures import item_of, tags_of
from eco2_model_server.strict_schemas import resolve

SURE, UNSURE = 0.97, 0.2
_RULES: Final = re.compile(r"rule|cit|source|reference")
_SEARCH: Final = re.compile(r"search|query|question")
_ANSWER: Final = re.compile(r"answer|text|message|content|reply")


def answer(asked: Asked) -> str:
    """The output: JSON where there is a schema, else text."""
    mind = _Mind(asked)
    if asked.schema is None:
        return wording.answer(mind.rule, cited=True)
    return orjson.dumps(mind.fill("", asked.schema)).decode()


@dataclass
class _Mind:
    asked: Asked

    @cached_property
    def said(self) -> str:
        """The user's last message."""
        return next((message.text for message in reversed(self.asked.said) if message.role == "user"), "")

    @cached_property
    def data(self) -> dict[str, Any]:
        """What its blocks hold."""
        return blocks(self.said)

    @cached_property
    def question(self) -> str:
        """What the user wants to know."""
        if not self.data:
            return self.said
        return str((self.data.get("question") or {}).get("text", ""))

    @cached_property
    def earlier(self) -> list[str]:
        """What the user asked before, the last first, when the question refers to it."""
        if not wording.goes_on(self.question):
            return []
        turns = (self.data.get("history") or {}).get("turns", ())
        told = [turn["text"] for turn in turns if turn["role"] == "user"]
        return list(reversed(told))

    @cached_property
    def rule(self) -> wording.Rule | None:
        """The first of the prompt's rules."""
        given = (self.data.get("rules") or {}).get("rules", ())
        if given:
            return wording.Rule(given[0]["id"], given[0]["summary"])
        return wording.rule_of(self.asked.prompt)

    def fill(self, name: str, schema: Mapping[str, Any]) -> Any:
        """A value for one schema."""
        assert self.asked.schema is not None  # noqa: S101  only then is anything filled
        schema = resolve(self.asked.schema, schema)
        if "const" in schema:
            return schema["const"]
        if "anyOf" in schema:
            return self._any(name, schema["anyOf"])
        if "enum" in schema:
            return self._choice(name, schema["enum"])
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        return self._typed(name, kinds[0], schema, may_be_null="null" in kinds)

    def _any(self, name: str, variants: Sequence[Mapping[str, Any]]) -> Any:
        assert self.asked.schema is not None  # noqa: S101
        known = [resolve(self.asked.schema, variant) for variant in variants]
        filled = [variant for variant in known if variant.get("type") != "null"]
        if len(filled) < len(known):
            if "enum" in filled[0]:
                return self._choice(name, [*filled[0]["enum"], None])
            if filled[0].get("type") == "string":
                return self._typed(name, "string", filled[0], may_be_null=True)
        return self.fill(name, filled[0])

    def _typed(self, name: str, kind: str, schema: Mapping[str, Any], *, may_be_null: bool) -> Any:
        if kind == "object":
            return {key: self.fill(key, part) for key, part in schema.get("properties", {}).items()}
        if kind == "array":
            return self._list(name, schema)
        if kind == "boolean":
            return self._seen is not None if "waste" in name else False
        if kind in ("number", "integer"):
            return self._number(kind, schema)
        if kind == "null" or (may_be_null and not _ANSWER.search(name)):
            return None
        return self._text(name)

    def _list(self, name: str, schema: Mapping[str, Any]) -> list[Any]:
        assert self.asked.schema is not None  # noqa: S101
        items = resolve(self.asked.schema, schema["items"])
        if _RULES.search(name):
            found = self._rules(items.get("enum", ()))
        elif "enum" in items:
            found = self._tags(items["enum"])
        else:
            found = []
        while len(found) < schema.get("minItems", 0):
            found.append(self.fill(name, items))
        return found[: schema.get("maxItems")]

    def _rules(self, choices: Sequence[str]) -> list[Any]:
        if self.rule is not None and (self.rule.id in choices or not choices):
            return [self.rule.id]
        return list(choices[:1])

    def _tags(self, choices: Sequence[str]) -> list[Any]:
        return tags_of(self.asked.images[0], choices) if self.asked.images else []

    @cached_property
    def _seen(self) -> str | None:
        """The item of the picture, among all choices of the schema."""
        if not self.asked.images:
            return None
        return item_of(self.asked.images[0], _choices(self.asked.schema or {}))

    def _choice(self, name: str, choices: Sequence[Any]) -> Any:
        if name == "intent":
            return wording.intent(self.question, choices)
        if name == "priority":
            return wording.priority(self.question, choices)
        if self._seen is not None and self._seen in choices:
            return self._seen
        if not self.asked.images:
            for text in (self.question, *self.earlier):
                if (named := wording.named(text, choices, self.asked.prompt)) is not None:
                    return named
        return None if None in choices else wording.last_resort(choices)

    def _number(self, kind: str, schema: Mapping[str, Any]) -> float | int:
        sure = SURE if not self.asked.images or self._seen is not None else UNSURE
        least, most = schema.get("minimum", 0), schema.get("maximum", 1)
        value = min(max(sure, least), most)
        return round(value) if kind == "integer" else float(value)

    def _text(self, name: str) -> str:
        if _SEARCH.search(name):
            return " ".join((*self.earlier[:1], self.question)).strip()
        if _ANSWER.search(name):
            return wording.answer(self.rule, cited=False)
        return wording.description(self._seen if self.asked.images else None)


def _choices(schema: Any) -> list[str]:
    """All texts that the schema lets somebody choose."""
    if isinstance(schema, Mapping):
        own = [value for value in schema.get("enum", ()) if isinstance(value, str)]
        return own + [value for part in schema.values() for value in _choices(part)]
    if isinstance(schema, list):
        return [value for part in schema for value in _choices(part)]
    return []
