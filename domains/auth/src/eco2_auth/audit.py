"""The audit log: who signed in, from where, with what outcome.

Nothing in it can be used: no token, code, state, secret, and no address of e-mail.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import structlog

log: Final = structlog.get_logger("eco2.audit")


class Audit:
    """Writes what happens in one request; its id is in every line of the service's log.

    Args:
        client: the address the request came from.
    """

    def __init__(self, client: str) -> None:
        self._log = log.bind(audit="auth", client=client)

    def note(self, event: str, **facts: object) -> None:
        """Something went as it should."""
        self._log.info(event, **facts)

    def warn(self, event: str, **facts: object) -> None:
        """Something was refused, or went wrong."""
        self._log.warning(event, **facts)


def origin(uri: str) -> str:
    """What of a redirect address is written down: its query may hold anything."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"
