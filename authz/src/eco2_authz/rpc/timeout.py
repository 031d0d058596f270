"""How long a caller waits: the grpc-timeout header."""

import re
from typing import Final

_FORM: Final = re.compile(rb"([0-9]{1,8})([HMSmun])")
_LONGEST: Final = 86_400.0
"""More than any caller waits; a clock of ours need not reach a hundred million hours."""
_SECONDS: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}


def parse(value: bytes) -> float:
    """Seconds. Raises ValueError for what is no grpc-timeout."""
    match = _FORM.fullmatch(value)
    if match is None:
        raise ValueError("grpc-timeout is at most eight digits and a unit")
    return min(int(match[1]) * _SECONDS[match[2]], _LONGEST)
