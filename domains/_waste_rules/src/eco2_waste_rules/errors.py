"""What can be wrong with the knowledge base."""

from __future__ import annotations


class KnowledgeInvalid(Exception):
    """A file of the knowledge base is not as it should be.

    Args:
        file: its name in the folder of data.
        place: where in it: a line, or the path to a field.
        reason: what is wrong.
    """

    def __init__(self, file: str, place: str, reason: str) -> None:
        super().__init__(f"{file}: {place}: {reason}")
        self.file = file
        self.place = place
        self.reason = reason
