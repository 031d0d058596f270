"""An answer of the model while it is being written: JSON that is not whole yet."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from eco2_waste_pipeline.errors import AnswerMalformed
from eco2_waste_pipeline.guard import OutputGuard
from eco2_waste_pipeline.results import Answer

MAX_CHARACTERS: Final = 8000
STEP: Final = 24
"""Characters of output after which it is looked at again."""


class _Written(BaseModel):
    """The output of the model."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rule_ids: list[str] = []
    text: str


class GrowingAnswer:
    """Takes an output in parts, cut anywhere, and gives its text as soon as it may be shown.

    Which rules it rests on comes first: they are checked before a word of the text is given. When it names none of
    those that it was given, nothing of its text is.

    Args:
        rule_ids: those that it may rest on; none: it has no such list.
        verified: those of them that are verified.
    """

    def __init__(self, guard: OutputGuard, rule_ids: Collection[str], verified: Collection[str]) -> None:
        self._guard = guard
        self._may_cite = frozenset(rule_ids)
        self._verified = frozenset(verified)

    def read(self, parts: Iterator[str]) -> Iterator[str | Answer]:
        """Pieces of the text, then the answer; the pieces together are its text, or there are none.

        Raises:
            AnswerMalformed: for an output that is not what was asked for, or that must not be shown.
        """
        output, looked_at, shown = "", 0, ""
        for part in parts:
            output += part
            if len(output) > MAX_CHARACTERS:
                raise AnswerMalformed("too long")
            if len(output) < looked_at + STEP:
                continue
            looked_at = len(output)
            text = self._text(output)
            if text is not None and (until := self._guard.shown(text)) > len(shown):
                _check_goes_on(text, shown)
                yield text[len(shown) : until]
                shown = text[:until]
        answer = self.whole(output)
        _check_goes_on(answer.text, shown)
        if self.is_shown(answer) and answer.text != shown:
            yield answer.text[len(shown) :]
        yield answer

    def is_shown(self, answer: Answer) -> bool:
        """Whether its text rests on what it has to rest on."""
        return bool(answer.rule_ids) or not self._may_cite

    def _text(self, output: str) -> str | None:
        """What there is of the text; None as long as it is not known what it rests on."""
        try:
            written = from_json(output, allow_partial="trailing-strings")
        except ValueError:
            raise AnswerMalformed("not JSON") from None
        first = "rule_ids" if self._may_cite else "text"
        if not isinstance(written, dict) or next(iter(written), None) != first:
            return None
        text = written.get("text")
        if not isinstance(text, str):
            return None
        rule_ids = self._checked(written.get("rule_ids", []))
        return text if rule_ids or not self._may_cite else None

    def _checked(self, rule_ids: object) -> Sequence[str]:
        if not isinstance(rule_ids, list) or not all(isinstance(name, str) for name in rule_ids):
            raise AnswerMalformed("not what was asked for")
        if not self._may_cite.issuperset(rule_ids):
            raise AnswerMalformed("unknown rule")
        self._guard.official = self._verified.issuperset(rule_ids)
        return rule_ids

    def whole(self, output: str) -> Answer:
        """The answer of a whole output. Raises AnswerMalformed."""
        try:
            written = _Written.model_validate_json(output)
        except ValidationError:
            raise AnswerMalformed("not what was asked for") from None
        rule_ids = self._checked(written.rule_ids)
        if not written.text.strip():
            raise AnswerMalformed("empty")
        self._guard.check(written.text)
        return Answer(text=written.text, rule_ids=tuple(dict.fromkeys(rule_ids)))


def _check_goes_on(text: str, shown: str) -> None:
    if not text.startswith(shown):
        raise AnswerMalformed("two answers")
