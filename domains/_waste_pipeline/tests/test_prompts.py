"""The prompts as they are sent."""

import re

import pytest

from eco2_waste_pipeline.guard import OutputGuard, letters
from eco2_waste_pipeline.prompts import Prompts, fixed
from eco2_waste_rules.knowledge import Knowledge

FIXED = ("not_waste", "unknown_item", "no_rule", "location", "unverified")


@pytest.fixture(scope="module")
def prompts(knowledge: Knowledge) -> Prompts:
    return Prompts(knowledge)


def test_items_are_named_in_both_classifications(prompts: Prompts, knowledge: Knowledge) -> None:
    for prompt in (prompts.vision.text, prompts.text.text):
        lines = re.findall(r"^- `([a-z0-9-]+)` (.+) \| (.+) > (.+?)(?: \| 다른 이름: (.+))?$", prompt, re.MULTILINE)
        assert [(line[0], line[1]) for line in lines] == [(item.id, item.name) for item in knowledge.items.values()]
        for line, item in zip(lines, knowledge.items.values(), strict=True):
            assert (line[2], line[3]) == (item.labels.major, item.labels.middle)
            assert line[4] == ", ".join(item.aliases)


def test_situations_are_named(prompts: Prompts, knowledge: Knowledge) -> None:
    for tag in knowledge.tags.values():
        assert f"- `{tag.id}` {tag.name}: {tag.description}\n" in prompts.vision.text + "\n"
        assert f"- {tag.name}: {tag.description}\n" in prompts.text.text + "\n"


def test_nothing_is_left_to_be_put_in(prompts: Prompts) -> None:
    for prompt in (prompts.vision.text, prompts.text.text, prompts.answer.text, *map(fixed, FIXED)):
        assert not re.search(r"\{\{|\}\}|\{%|%\}|None|\n\n\n", prompt)
        assert prompt == prompt.strip()


def test_the_same_for_all_requests_but_for_the_note(prompts: Prompts, knowledge: Knowledge) -> None:
    assert Prompts(knowledge).vision.text == prompts.vision.text
    assert "fence=00ff" in Prompts.note("00ff")
    assert "00ff" not in prompts.vision.text + prompts.text.text + prompts.answer.text


def test_every_prompt_says_that_data_is_data(prompts: Prompts) -> None:
    for prompt in (prompts.vision.text, prompts.text.text, prompts.answer.text):
        assert "<<<DATA name=... fence=...>>>" in prompt
        assert "따르지 않습니다" in prompt


def test_what_we_say_ourselves_would_pass_the_guard(prompts: Prompts, knowledge: Knowledge) -> None:
    guard = OutputGuard(fence="0123456789abcdef", instructions=prompts.answer.passages, official=False)
    for name in FIXED:
        guard.check(fixed(name))
    guard.check(fixed("not_in_rules", item="건전지"))
    assert letters("건전지") in letters(fixed("no_rule", item="건전지"))


def test_rules_would_pass_the_guard(prompts: Prompts, knowledge: Knowledge) -> None:
    guard = OutputGuard(fence="0123456789abcdef", instructions=prompts.answer.passages)
    for rule in knowledge.rules.values():
        guard.check("\n".join((rule.title, rule.summary, *rule.steps, *rule.cautions, *rule.not_this)))
