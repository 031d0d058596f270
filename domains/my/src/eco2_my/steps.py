"""The order in which the domains forget a user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

OWN: Final = "my"
ORDER: Final = ("auth", "character", "chat", "scan", "image", OWN)
"""auth first: nobody signed in as the user brings anything back afterwards. my last: it knows what is left to do."""

Ended = Literal["done", "skipped"]
Steps = Mapping[str, Ended]
"""The domains that are through."""


def next_step(steps: Steps) -> str | None:
    """The first that is not through; None when all are."""
    return next((domain for domain in ORDER if domain not in steps), None)
