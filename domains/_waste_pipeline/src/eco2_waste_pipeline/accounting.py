"""What runs take of the models."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from eco2_waste_pipeline.metrics import PipelineMetrics
from eco2_waste_pipeline.prices import Price, price_of
from eco2_waste_pipeline.results import Usage

log = structlog.get_logger("eco2.pipeline")


class Accounting:
    """Of all runs: prices and metrics. A model without a price is named once, in a warning."""

    def __init__(self, metrics: PipelineMetrics, prices: Mapping[str, Price]) -> None:
        self.metrics = metrics
        self._prices = prices
        self._without_price: set[str] = set()

    def cost(self, model: str, *, input_tokens: int, output_tokens: int, cached_tokens: int) -> float:
        """US dollars; 0 for a model without a price."""
        price = price_of(model, self._prices)
        if price is None:
            if model not in self._without_price:
                self._without_price.add(model)
                log.warning("no price for this model: its tokens count as free; see OPENAI_PRICES", model=model)
            return 0.0
        return price.cost(input_tokens=input_tokens, output_tokens=output_tokens, cached_tokens=cached_tokens)


class Ledger:
    """Of one run, which is one thread's."""

    def __init__(self, accounting: Accounting) -> None:
        self._accounting = accounting
        self.usage = Usage()

    def sent(self) -> None:
        """A request went out."""
        self.usage = self.usage.model_copy(update={"calls": self.usage.calls + 1})

    def took(self, model: str, *, input_tokens: int, output_tokens: int, cached_tokens: int) -> None:
        """An answer came, and says what it took."""
        cost = self._accounting.cost(
            model, input_tokens=input_tokens, output_tokens=output_tokens, cached_tokens=cached_tokens
        )
        self._accounting.metrics.tokens(model, input_tokens=input_tokens, output_tokens=output_tokens, cost_usd=cost)
        before = self.usage
        self.usage = Usage(
            input_tokens=before.input_tokens + input_tokens,
            output_tokens=before.output_tokens + output_tokens,
            cost_usd=before.cost_usd + cost,
            calls=before.calls,
        )
