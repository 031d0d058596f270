"""What is decided, and why."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple


class Reason(StrEnum):
    """Why a request passes or not: the values of the metric label ``reason``."""

    OK = "ok"
    PUBLIC = "public"
    MISSING_TOKEN = "missing_token"  # noqa: S105 - a label, not a token
    MALFORMED = "malformed"
    BAD_SIGNATURE = "bad_signature"
    UNKNOWN_KEY = "unknown_key"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    BAD_CLAIMS = "bad_claims"
    BLACKLISTED = "blacklisted"
    REDIS_UNAVAILABLE = "redis_unavailable"
    KEYS_UNAVAILABLE = "keys_unavailable"
    INTERNAL = "internal"


REASONS: Final = tuple(Reason)
ALLOWED: Final = frozenset({Reason.OK, Reason.PUBLIC})


class Identity(NamedTuple):
    """Whom a token names."""

    subject: str
    """1 to 128 visible ASCII characters without a comma."""
    provider: str | None
    """Who signed the user in; like the subject, of at most 64 characters."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The end of one check. Only `allowed` says whether the request may pass."""

    reason: Reason
    identity: Identity | None = None
    """Whom the token names, where its signature was good: of a refused one too, for the log."""
    jti: str = ""
    """The token's id, likewise."""
    detail: str = ""
    """An English sentence for the caller and the log. It never holds a part of the token."""

    @property
    def allowed(self) -> bool:
        """Whether the request may pass."""
        return self.reason in ALLOWED


class Refused(Exception):
    """A token that is none, raised by the parts of the check and turned into its decision by `check`."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
