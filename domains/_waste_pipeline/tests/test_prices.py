"""What tokens cost."""

from collections.abc import MutableMapping
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from eco2_waste_pipeline.accounting import Accounting, Ledger
from eco2_waste_pipeline.metrics import PipelineMetrics
from eco2_waste_pipeline.prices import PRICES, Price, price_of


def test_input_that_was_remembered_is_cheaper() -> None:
    price = Price(input=1.25, cached_input=0.125, output=10)
    assert price.cost(input_tokens=1_000_000, output_tokens=100_000) == pytest.approx(2.25)
    assert price.cost(input_tokens=1_000_000, output_tokens=0, cached_tokens=800_000) == pytest.approx(0.35)
    assert Price(input=1, output=1).cost(input_tokens=10, output_tokens=0, cached_tokens=10) == pytest.approx(1e-5)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-5.1", PRICES["gpt-5.1"]),
        ("gpt-5.1-2025-11-13", PRICES["gpt-5.1"]),
        ("own", Price(input=3, output=4)),
        ("own-2026-01-01", Price(input=3, output=4)),
        ("gpt-4o", Price(input=9, output=9)),
        ("gpt-5.1-unheard-of", None),
    ],
)
def test_a_snapshot_costs_what_its_model_does(model: str, expected: Price | None) -> None:
    own = {"own": Price(input=3, output=4), "gpt-4o": Price(input=9, output=9)}
    assert price_of(model, own) == expected


def test_tokens_are_counted_for_the_run_and_for_all_runs(registry: CollectorRegistry) -> None:
    accounting = Accounting(PipelineMetrics(registry, ("gpt-5.1",)), {})
    first, second = Ledger(accounting), Ledger(accounting)
    first.sent()
    first.took("gpt-5.1", input_tokens=1000, output_tokens=100, cached_tokens=0)
    first.sent()
    first.took("gpt-5.1", input_tokens=1000, output_tokens=0, cached_tokens=1000)
    second.took("gpt-5.1", input_tokens=1, output_tokens=1, cached_tokens=0)
    assert (first.usage.calls, first.usage.input_tokens, first.usage.output_tokens) == (2, 2000, 100)
    assert first.usage.cost_usd == pytest.approx(0.00125 + 0.001 + 0.000125)
    tokens = {kind: {"model": "gpt-5.1", "kind": kind} for kind in ("input", "output")}
    assert registry.get_sample_value("eco2_llm_tokens_total", tokens["input"]) == 2001
    assert registry.get_sample_value("eco2_llm_tokens_total", tokens["output"]) == 101
    assert registry.get_sample_value("eco2_llm_cost_usd_total") == pytest.approx(0.002375 + 0.00001125)


def test_a_model_without_a_price_is_named_once(
    registry: CollectorRegistry, log_lines: list[MutableMapping[str, Any]]
) -> None:
    accounting = Accounting(PipelineMetrics(registry, ("new",)), {})
    for _ in range(3):
        ledger = Ledger(accounting)
        ledger.took("new", input_tokens=5, output_tokens=5, cached_tokens=0)
        assert ledger.usage.cost_usd == 0
        assert ledger.usage.input_tokens == 5
    assert [(line["log_level"], line["model"]) for line in log_lines] == [("warning", "new")]
    assert registry.get_sample_value("eco2_llm_tokens_total", {"model": "new", "kind": "input"}) == 15
