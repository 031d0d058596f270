"""What users, pictures and stored texts say is data. A model is told so, and what it writes is looked at.

No wording of a prompt makes a model immune to instructions in its data. So nothing depends on it: a prompt holds no
secret, an answer can cause nothing but be read, and it is held to what it may say here. What is looked for:

* the fence and the marks of data blocks, which only a prompt has;
* long passages of our own instructions, whatever their spacing and punctuation;
* addresses of the web and of mail that were not in the rules, also without a scheme: nobody should be sent anywhere by
  what somebody wrote on a box;
* characters that cannot be seen: they turn text around, hide something in it, or cannot be stored (NUL);
* a rule that is not verified, called official.

A translation or an encoding of the instructions passes: they are in a public repository.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

import orjson

from eco2_waste_pipeline.errors import AnswerMalformed

PASSAGE: Final = 30
"""Letters and digits in a row that are no coincidence any more."""
_DROPPED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Control and format characters (invisible, right to left, tags), halves of pairs, private and unassigned ones."""
_INVISIBLE: Final = _DROPPED - {"Cn"}
"""Of an answer: what is not assigned yet may be an emoji that is newer than Python's table."""
_JOINER: Final = "\u200d"
"""Makes one emoji of several."""
_MAY_BE_INVISIBLE: Final = frozenset("\n\t\r" + _JOINER)
_MARK: Final = re.compile(r"<<<\s*(DATA|END)|\bfence\s*=", re.IGNORECASE)
_SCHEME: Final = r"(?:[a-z][a-z0-9+.-]{0,20}:)?//"
_HOST: Final = r"(?![0-9]{1,2}\.[a-z])(?:[a-z0-9][a-z0-9_-]{0,62}\.)+[a-z]{2}[a-z0-9.-]*"
_REST: Final = r"(?:[:/?#][-a-z0-9._~:/?#@!$&*+,;=%]*)?"
_LINK: Final = re.compile(
    rf"(?:{_SCHEME})?(?:[a-z0-9._%+-]{{1,64}}@)?{_HOST}{_REST}"
    rf"|(?:{_SCHEME}|www\.)[^\s()\[\]<>\"']+"
    r"|\w+\.(?:kr|com|net|org|한국|닷컴|닷넷)(?![a-z0-9])"
)
"""In folded text. With a host of ASCII: what follows directly in Korean is a particle, the number of a step ("1.PET")
no part of it. With a scheme and any host. With a host in other letters, below a domain that is common for them."""
_AFTER_A_LINK: Final = ".,;:!?/"
_OFFICIAL: Final = re.compile(r"공식(?![^.!?\n]{0,20}(?:아니|아닌|않|없))")
_ESCAPES: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
_NEVER_IN_JSON: Final = str.maketrans({**_ESCAPES, "\u2028": "\\u2028", "\u2029": "\\u2029", "\x85": "\\u0085"})


def new_fence() -> str:
    """A word that nobody could know before this request."""
    return secrets.token_hex(8)


def cleaned(text: str, limit: int) -> str:
    """Text as it is given to a model: composed, without what cannot be seen, and not longer than `limit` characters."""
    seen = "".join(
        character
        for character in text[: 4 * limit]
        if character in "\n\t" or unicodedata.category(character) not in _DROPPED
    )
    return unicodedata.normalize("NFC", seen).strip()[:limit].rstrip()


def data_block(name: str, data: Mapping[str, Any], fence: str) -> str:
    """Three lines. The middle one is JSON, so that no text in it can end the line, let alone the block."""
    line = orjson.dumps(data).decode().translate(_NEVER_IN_JSON)
    return f"<<<DATA name={name} fence={fence}>>>\n{line}\n<<<END fence={fence}>>>"


def data_blocks(blocks: Mapping[str, Mapping[str, Any] | None], fence: str) -> str:
    """All of them that are something, in this order."""
    return "\n".join(data_block(name, data, fence) for name, data in blocks.items() if data is not None)


def letters(text: str) -> str:
    """What is left of a text without spacing, punctuation, case and compatibility forms."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in folded if character.isalnum())


def passages(text: str) -> frozenset[str]:
    """All passages of `PASSAGE` letters in it."""
    plain = letters(text)
    return frozenset(plain[start : start + PASSAGE] for start in range(len(plain) - PASSAGE + 1))


def links(text: str) -> list[tuple[str, int]]:
    """Addresses of the web and of mail, without their scheme, and how many characters of the text follow each.

    Characters that look or work alike are one: full width, what cannot be seen, the full stops of other scripts.
    """
    seen = "".join(character for character in text if unicodedata.category(character) != "Cf")
    folded = unicodedata.normalize("NFKC", seen).lower().replace("\u3002", ".")
    return [
        (re.sub(f"^{_SCHEME}", "", found.group()).rstrip(_AFTER_A_LINK), len(folded) - found.end())
        for found in _LINK.finditer(folded)
    ]


class OutputGuard:
    """Looks at what a model wrote in one request.

    Args:
        instructions: passages of our own.
        given: text in which an address of the web may have stood: the rules.
        official: whether the answer rests on verified rules alone.
    """

    def __init__(self, *, fence: str, instructions: frozenset[str], given: str = "", official: bool = True) -> None:
        self._fence = letters(fence)
        self._instructions = instructions
        self._given = tuple(link for link, _ in links(given))
        self.official = official

    def check(self, text: str, *, until: int | None = None) -> None:
        """Raise AnswerMalformed for what must not be shown.

        Args:
            until: claims that begin from here on are not judged yet: their sentence is still being written.
        """
        if any(_is_invisible(character) for character in text):
            raise AnswerMalformed("invisible character in the answer")
        plain = letters(text)
        if self._fence in plain or _MARK.search(text):
            raise AnswerMalformed("fence in the answer")
        if self._instructions & {plain[at : at + PASSAGE] for at in range(len(plain) - PASSAGE + 1)}:
            raise AnswerMalformed("instructions in the answer")
        if not all(self._may_link(link, is_growing=until is not None and follow == 0) for link, follow in links(text)):
            raise AnswerMalformed("link in the answer")
        if not self.official:
            found = _OFFICIAL.search(text)
            if found and (until is None or found.start() < until):
                raise AnswerMalformed("unverified rule called official")

    def _may_link(self, link: str, *, is_growing: bool) -> bool:
        """Whether it was given: as it is, without its path, or as far as it is written."""
        return any(given == link or given.startswith(link if is_growing else f"{link}/") for given in self._given)

    def shown(self, text: str) -> int:
        """How much of a growing text may be shown: all but the last `PASSAGE` letters, of which nothing is known yet.

        Raises:
            AnswerMalformed: for what must not be shown, before any of it would have been.
        """
        until, held = len(text), 0
        while until > 0 and held < PASSAGE:
            until -= 1
            held += text[until].isalnum()
        self.check(text, until=until)
        return until


def _is_invisible(character: str) -> bool:
    return character not in _MAY_BE_INVISIBLE and unicodedata.category(character) in _INVISIBLE
