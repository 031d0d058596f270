"""The HTTP/2 server beside hpack and hyperframe, and beside itself. ``make fuzz`` does the same a million times."""

import secrets

import pytest
from support.authz.differences.target import Target, run
from support.authz.differences.targets import TARGETS

CASES = 2_000
HTTP2 = [TARGETS[name] for name in ("huffman", "hpack", "frames", "cuts")]


@pytest.mark.parametrize("target", HTTP2, ids=lambda target: target.name)
@pytest.mark.parametrize("seed", [1, None], ids=["fixed", "fresh"])
def test_no_difference(target: Target, seed: int | None) -> None:
    seed = secrets.randbits(31) if seed is None else seed
    print(f"seed {seed}")
    run(target, seed, CASES)
