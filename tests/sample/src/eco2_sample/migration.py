"""What stands in for a domain's database migration."""

import sys
import time
from typing import TextIO

STEPS = 4
EXIT_CODE = 1
FAILURE = "migration failed: relation users has no column nickname"


def migrate(*, fail: bool, seconds: float, out: TextIO = sys.stdout) -> int:
    """Say what is done, take that time, and return the exit code."""
    for step in range(1, STEPS + 1):
        out.write(f"migration: step {step} of {STEPS}\n")
        out.flush()
        time.sleep(seconds / STEPS)
    out.write(f"{FAILURE if fail else 'migration: done'}\n")
    return EXIT_CODE if fail else 0
