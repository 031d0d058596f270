"""What becomes of a request, in one word: the metric label ``result``, and the same in the log."""

from typing import Final

from eco2_authz.decision import ALLOWED, REASONS, Reason

ALLOW: Final = "allow"
DENY: Final = "deny"
"""The caller is at fault: 401 or 403."""
ERROR: Final = "error"
"""We are: 503. The request does not pass either."""

OWN_TROUBLE: Final = frozenset({Reason.REDIS_UNAVAILABLE, Reason.KEYS_UNAVAILABLE, Reason.INTERNAL})


def _result(reason: Reason) -> str:
    if reason in ALLOWED:
        return ALLOW
    return ERROR if reason in OWN_TROUBLE else DENY


RESULTS: Final = {reason: _result(reason) for reason in REASONS}
