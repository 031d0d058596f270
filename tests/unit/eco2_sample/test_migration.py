from __future__ import annotations

import io
import time

from eco2_sample.migration import FAILURE, migrate


def test_it_says_what_it_does() -> None:
    out = io.StringIO()
    assert migrate(fail=False, seconds=0, out=out) == 0
    assert out.getvalue().splitlines()[0] == "migration: step 1 of 4"
    assert out.getvalue().endswith("migration: done\n")


def test_it_fails_with_a_reason() -> None:
    out = io.StringIO()
    assert migrate(fail=True, seconds=0, out=out) == 1
    assert out.getvalue().endswith(f"{FAILURE}\n")


def test_it_takes_its_time() -> None:
    began = time.monotonic()
    migrate(fail=False, seconds=0.1, out=io.StringIO())
    assert time.monotonic() - began >= 0.1
