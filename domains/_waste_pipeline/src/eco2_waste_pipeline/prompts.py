"""Prompts and fixed answers: files in `data`, in which a few things are put in."""

from __future__ import annotations

from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from eco2_waste_pipeline.guard import passages
from eco2_waste_rules.knowledge import Knowledge

_FILES: Final = Environment(
    loader=PackageLoader("eco2_waste_pipeline", "data"),
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701 - what is written is no HTML; nothing but our own data is put in
    trim_blocks=True,
    keep_trailing_newline=False,
)


class Prompt:
    """The instructions of a stage. They are the same for all requests, so that OpenAI remembers them, which makes them
    cheap (https://platform.openai.com/docs/guides/prompt-caching); what belongs to one request follows in its messages.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.passages = passages(text)


class Prompts:
    """The instructions of all stages.

    Args:
        knowledge: its items and situation tags are named in the instructions.
    """

    def __init__(self, knowledge: Knowledge) -> None:
        names = {"items": knowledge.items.values(), "tags": knowledge.tags.values()}
        self.vision = Prompt(_FILES.get_template("prompts/vision_classification.md").render(names).strip())
        self.text = Prompt(_FILES.get_template("prompts/text_classification.md").render(names).strip())
        self.answer = Prompt(_FILES.get_template("prompts/answer_generation.md").render())

    @staticmethod
    def note(fence: str) -> str:
        """What the developer says to one request: which fence is the right one in it."""
        return _FILES.get_template("prompts/fence.md").render(fence=fence)


def fixed(name: str, **values: str) -> str:
    """A text for users that no model writes: a file in `data/answers`."""
    return _FILES.get_template(f"answers/{name}.md").render(values)
