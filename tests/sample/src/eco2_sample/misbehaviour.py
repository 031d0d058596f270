"""Ends that a pod may come to."""

import sys
import time
from typing import NoReturn

LAST_WORD = "fatal: stand-in was told to crash"
EXIT_CODE = 3
BLOCK = 16 * 1024 * 1024
"""Octets that are taken at once."""
PAUSE = 0.05
"""Seconds in between: the machine keeps time for others."""


def crash() -> NoReturn:
    """Say a last word and exit."""
    sys.stderr.write(f"{LAST_WORD}\n")
    raise SystemExit(EXIT_CODE)


def eat_memory() -> NoReturn:
    """Take memory, and write to it, until the kernel kills this process."""
    taken: list[bytearray] = []
    while True:
        taken.append(bytearray(b"\x01") * BLOCK)
        sys.stdout.write(f"{len(taken) * BLOCK // 2**20} MiB\n")
        sys.stdout.flush()
        time.sleep(PAUSE)
