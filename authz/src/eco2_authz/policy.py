"""The rules of one server, which do not change while it runs."""

from dataclasses import dataclass, field
from math import isfinite
from typing import Final

from eco2_authz.errors import SettingsError
from eco2_authz.paths import PublicPaths

SYMMETRIC: Final = frozenset({"HS256"})
ASYMMETRIC: Final = frozenset({"RS256", "ES256"})
MAX_LEEWAY: Final = 300.0
_COOKIE_NAME: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What a token has to be, and where it is looked for.

    Raises SettingsError for rules that contradict themselves or protect nothing.
    """

    algorithms: frozenset[str]
    """HS256 alone, or any of RS256 and ES256: who may verify by a shared secret may also sign, so they never mix."""
    issuer: str | None = None
    """What ``iss`` has to be; None: anything."""
    audience: str | None = None
    """What ``aud`` has to be or to hold; None: anything."""
    leeway: float = 5.0
    """Seconds by which clocks may differ."""
    cookie: str = "s_access"
    """The cookie that is read when there is no Authorization header; empty: none."""
    public: PublicPaths = field(default_factory=PublicPaths)
    """Paths that need no token."""
    dry_run: bool = False
    """Decide and log, but let everything pass."""
    max_token_bytes: int = 8192

    def __post_init__(self) -> None:
        if not self.algorithms or not self.algorithms <= SYMMETRIC | ASYMMETRIC:
            raise SettingsError("JWT_ALGORITHMS: name RS256, ES256 or both, or HS256 alone")
        if self.algorithms & SYMMETRIC and self.algorithms & ASYMMETRIC:
            raise SettingsError("JWT_ALGORITHMS: HS256 cannot be mixed with RS256 or ES256; choose one of both kinds")
        if not isfinite(self.leeway) or not 0 <= self.leeway <= MAX_LEEWAY:
            raise SettingsError(f"JWT_LEEWAY_SECONDS: must be from 0 to {MAX_LEEWAY:.0f}")
        if not _COOKIE_NAME.issuperset(self.cookie):
            raise SettingsError("JWT_COOKIE: must be a cookie's name (RFC 6265, section 4.1.1), or empty")
        if self.issuer == "" or self.audience == "":
            raise SettingsError("JWT_ISSUER, JWT_AUDIENCE: leave a variable out to accept anything; empty is no value")
