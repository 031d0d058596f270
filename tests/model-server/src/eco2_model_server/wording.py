"""Words: what a question wants, what it names, and Korean sentences."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

_INTENTS: Final = (
    (re.compile(r"버리|버려|배출|분리|재활용|쓰레기"), "disposal"),
    (re.compile(r"캐릭터|도감|리워드|보상|포인트"), "character"),
    (re.compile(r"어디|근처|위치|가까운|수거함|매장|가게"), "location"),
    (re.compile(r"안녕|고마|감사|반가|하이|좋은 아침"), "smalltalk"),
    (re.compile(r"어떻게|그럼|[은는]\?"), "disposal"),
)
"""Words of a question, and a part of the name of its intent."""
_PRIORITIES: Final = (
    (re.compile(r"위험|폭발|불이|다쳤|깨진|깨졌|수은|가스|급해|바늘|약을|누액"), "high"),
    (re.compile(r"안녕|고마|감사|반가"), "low"),
)
_GOES_ON: Final = re.compile(r"그럼|그건|그거|그것|그게|이건|이거")
_LAST_RESORTS: Final = re.compile(r"unknown|other|none|기타|normal|medium|없음")
_NOT_PART_OF_A_NAME: Final = re.compile(r"[|,()\[\]:`*]|다른 이름")
_RULE_ID: Final = re.compile(r"""["']?\b(?:rule_id|rule|id)["']?\s*[:=]\s*["']?([a-z0-9][a-z0-9._-]{1,63})""")
_SUMMARY: Final = re.compile(r"""["']?\b(?:summary|요약)["']?\s*[:=]\s*["']?([^"'\n<]{4,200})""")


class Rule(NamedTuple):
    """What an answer rests on."""

    id: str
    summary: str


def intent(question: str, choices: Sequence[Any]) -> Any:
    """Which of the intents it is; the last resort when it is none."""
    return _by_words(question, choices, _INTENTS)


def priority(question: str, choices: Sequence[Any]) -> Any:
    """Which of the priorities it has."""
    return _by_words(question, choices, _PRIORITIES)


def goes_on(question: str) -> bool:
    """Whether it makes no sense without what was said before."""
    return _GOES_ON.search(question) is not None


def _by_words(question: str, choices: Sequence[Any], table: Sequence[tuple[re.Pattern[str], str]]) -> Any:
    for words, name in table:
        if words.search(question):
            return next((choice for choice in choices if name in str(choice)), last_resort(choices))
    return last_resort(choices)


def last_resort(choices: Sequence[Any]) -> Any:
    """What is left when nothing fits."""
    return next((choice for choice in choices if _LAST_RESORTS.search(str(choice))), choices[0])


def named(question: str, choices: Sequence[Any], prompt: str) -> str | None:
    """Which of the ids the question names: by a name that stands on the id's line of the prompt.

    The longest name wins; of two as long, the first id. One of a single letter has to begin a word.
    """
    best, longest = None, 0
    ids = {choice for choice in choices if isinstance(choice, str)}
    for line in prompt.splitlines():
        found = [part for part in re.findall(r"[\w-]+", line) if part in ids]
        if len(found) == 1:
            for name in _names(line.replace(found[0], "")):
                if len(name) > longest and _is_in(name, question):
                    best, longest = found[0], len(name)
    return best


def _names(line: str) -> Iterator[str]:
    for part in _NOT_PART_OF_A_NAME.split(line):
        name = part.strip(" -")
        if name and not name.isascii() and ">" not in name:  # "major > middle" is no name
            yield name


def _is_in(name: str, question: str) -> bool:
    return name in question if len(name) > 1 else f" {name}" in f" {question}"


def rule_of(prompt: str) -> Rule | None:
    """The first rule that stands in a prompt without blocks."""
    found, summary = _RULE_ID.search(prompt), _SUMMARY.search(prompt)
    if found is None:
        return None
    return Rule(found[1], summary[1].strip() if summary else "종류별로 나누어 배출해 주세요.")


def answer(rule: Rule | None, *, cited: bool) -> str:
    """What somebody is told. `cited`: with the id of the rule."""
    if rule is None:
        return "분리배출에 관해 궁금한 것을 물어봐 주세요. 품목을 알려 주시면 도와드릴게요."
    return f"이렇게 하시면 돼요. {rule.summary}" + (f" [{rule.id}]" if cited else "")


def description(item: str | None) -> str:
    """What is in a picture."""
    return f"사진에 {item}(이)가 보입니다." if item else "사진에서 버릴 물건을 찾지 못했습니다."
