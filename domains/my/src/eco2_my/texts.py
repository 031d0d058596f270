"""Texts that others write: what may be in them."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, StringConstraints

_INVISIBLE: Final = (
    r"\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff"
)
"""Controls, marks that turn the direction of the text around them, and what takes no room. Not U+200D, which joins
emoji."""
_BLANK: Final = r"\s\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u3164\u115f\u1160\uffa0"
"""What shows as nothing, the fillers of Hangul included: they are letters, and a name of them alone looks empty."""


def _composed(text: object) -> object:
    """The one form (NFC) of what can be written in several: macOS sends 한글 as single letters.

    Before anything is counted: in single letters eleven syllables are longer than a nickname may be.
    """
    return unicodedata.normalize("NFC", text) if isinstance(text, str) else text


NICKNAME_LENGTH: Final = 30
Nickname = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=NICKNAME_LENGTH,
        pattern=rf"^[^{_INVISIBLE}{_BLANK}]([^{_INVISIBLE}]*[^{_INVISIBLE}{_BLANK}])?$",
    ),
    BeforeValidator(_composed),
    Field(description="Visible, on one line, without blanks around it", examples=["초록이"]),
]
"""What users call themselves."""

Provider = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,32}$")]
Line = Annotated[str, StringConstraints(max_length=2048, pattern=r"^[^\u0000-\u001f\u007f]*$")]
"""A text on one line, as a provider has it."""
