"""What PostgreSQL's full-text search is given: tokens of our own, since it knows no Korean.

Literals of tsvector and tsquery are made here, rather than by `to_tsvector`: its parser cuts words as the server's
locale has it, and would cut our tokens again.
https://www.postgresql.org/docs/current/datatype-textsearch.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from eco2_waste_rules.tokens import tokens

Weight = Literal["A", "B", "C", "D"]
"""Of a place in a document: a title counts more than a text."""
MAX_LENGTH: Final = 100
"""Characters of a token; PostgreSQL refuses more than 2046 bytes, and an address can have those."""
_MAX_PLACES: Final = 255
"""Of one token in a document; PostgreSQL drops what comes after them."""


def search_tokens(text: str) -> list[str]:
    """The tokens of a text that can be found."""
    return [token[:MAX_LENGTH] for token in tokens(text)]


def asked_tokens(question: str) -> list[str]:
    """What is looked for, each once: the tokens of a question that are no part of another.

    The tokenizer gives words of one syllable and parts of longer ones alike. Who asks for 우유 means neither 우 nor 유.
    """
    found = dict.fromkeys(search_tokens(question))
    return [token for token in found if not any(token != other and token in other for other in found)]


def tsvector(parts: Iterable[tuple[Weight, Sequence[str]]]) -> str:
    """The literal of a tsvector.

    Args:
        parts: tokens, each with the weight of where they stand.
    """
    places: dict[str, list[str]] = {}
    position = 0
    for weight, found in parts:
        for token in found:
            position += 1
            places.setdefault(token, []).append(f"{position}{weight}")
    return " ".join(f"{quoted(token)}:{','.join(where[:_MAX_PLACES])}" for token, where in places.items())


def quoted(token: str) -> str:
    """A token as a literal of tsvector and tsquery has it; of tsquery it is a whole one."""
    escaped = token.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
