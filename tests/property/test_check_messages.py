"""Envoy's messages as we read and write them, beside Envoy's own definitions. ``make fuzz`` takes a million of each."""

import secrets

import pytest
from support.authz.differences.target import Target, run
from support.authz.differences.targets import TARGETS

CASES = 2_000
MESSAGES = [TARGETS[name] for name in ("requests", "responses")]


@pytest.mark.parametrize("target", MESSAGES, ids=lambda target: target.name)
@pytest.mark.parametrize("seed", [1, None], ids=["fixed", "fresh"])
def test_no_difference(target: Target, seed: int | None) -> None:
    seed = secrets.randbits(31) if seed is None else seed
    print(f"seed {seed}")
    run(target, seed, CASES)
