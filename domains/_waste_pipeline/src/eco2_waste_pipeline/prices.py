"""What tokens cost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

_MILLION: Final = 1_000_000
_SNAPSHOT: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$")


class Price(BaseModel):
    """Of a model, in US dollars for a million tokens.

    Args:
        cached_input: for input that OpenAI remembered from an earlier request; None: the same as `input`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached_input: float | None = Field(default=None, ge=0)

    def cost(self, *, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float:
        """US dollars for a request. `cached_tokens` are a part of `input_tokens`."""
        cached = self.input if self.cached_input is None else self.cached_input
        fresh_tokens = input_tokens - cached_tokens
        return (fresh_tokens * self.input + cached_tokens * cached + output_tokens * self.output) / _MILLION


PRICES: Final[Mapping[str, Price]] = MappingProxyType(
    {
        "gpt-5.1": Price(input=1.25, cached_input=0.125, output=10),
        "gpt-5": Price(input=1.25, cached_input=0.125, output=10),
        "gpt-5-mini": Price(input=0.25, cached_input=0.025, output=2),
        "gpt-5-nano": Price(input=0.05, cached_input=0.005, output=0.4),
        "gpt-4.1": Price(input=2, cached_input=0.5, output=8),
        "gpt-4.1-mini": Price(input=0.4, cached_input=0.1, output=1.6),
        "gpt-4.1-nano": Price(input=0.1, cached_input=0.025, output=0.4),
        "gpt-4o": Price(input=2.5, cached_input=1.25, output=10),
        "gpt-4o-mini": Price(input=0.15, cached_input=0.075, output=0.6),
    }
)
"""Standard tier (https://platform.openai.com/docs/pricing). `OPENAI_PRICES` adds to it and goes before it."""


def price_of(model: str, own: Mapping[str, Price]) -> Price | None:
    """The price of a model, by its name or by that of which it is a snapshot: ``gpt-5.1-2025-11-13``."""
    alias = _SNAPSHOT.sub("", model)
    return own.get(model) or own.get(alias) or PRICES.get(alias)
