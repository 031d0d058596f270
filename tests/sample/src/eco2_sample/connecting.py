"""Whether a connection comes about, and if not, why."""

import socket
import time
from dataclasses import dataclass
from typing import Final, Literal

Outcome = Literal["connected", "refused", "timeout", "unreachable", "name-error"]
EXIT_CODES: Final[dict[Outcome, int]] = {"connected": 0, "refused": 1, "timeout": 1, "unreachable": 1, "name-error": 2}


@dataclass(frozen=True)
class Attempt:
    """What came of one."""

    host: str
    port: int
    outcome: Outcome
    seconds: float
    detail: str = ""

    @property
    def exit_code(self) -> int:
        """0: connected, 1: no connection, 2: the name means nothing."""
        return EXIT_CODES[self.outcome]


def connect(host: str, port: int, *, seconds: float) -> Attempt:
    """Open a connection to the first address of a name, and close it."""
    began = time.monotonic()
    outcome, detail = _try(host, port, seconds)
    return Attempt(host, port, outcome, round(time.monotonic() - began, 3), detail)


def _try(host: str, port: int, seconds: float) -> tuple[Outcome, str]:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        return "name-error", str(error)
    try:
        with socket.socket(family, kind, protocol) as connection:
            connection.settimeout(seconds)
            connection.connect(address)
    except ConnectionRefusedError as error:
        return "refused", str(error)
    except TimeoutError as error:
        return "timeout", str(error)
    except OSError as error:
        return "unreachable", str(error)
    return "connected", str(address[0])
