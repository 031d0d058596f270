"""Who can sign in. Always the same ones, so that a test may name a subject or an address."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class User:
    """One account at each of the three providers.

    Attributes:
        name: how a test and the consent page call it.
        number: tells the subjects apart.
        email: None: the account has none, or the user does not share it.
        email_verified: whether the provider has seen that the address is the user's.
    """

    name: str
    number: int
    nickname: str
    email: str | None
    email_verified: bool

    @property
    def google_subject(self) -> str:
        """21 digits: more than a float or a 64-bit integer holds."""
        return str(100_000_000_000_000_000_000 + self.number)

    @property
    def kakao_id(self) -> int:
        """A JSON number in the user info, the same digits as text in the ID token."""
        return 4_000_000_000 + self.number

    @property
    def naver_id(self) -> str:
        """43 characters, made for one application."""
        return base64.urlsafe_b64encode(sha256(f"naver:{self.number}".encode()).digest()).decode().rstrip("=")

    @property
    def picture(self) -> str:
        """Address of a picture that nobody serves."""
        return f"https://images.example.com/{self.number}.png"


USERS: Final[Mapping[str, User]] = MappingProxyType(
    {
        user.name: user
        for user in (
            User("first", 1, "첫째", "first@example.com", email_verified=True),
            User("second", 2, "둘째", "second@example.com", email_verified=True),
            User("unverified", 3, "미확인", "unverified@example.com", email_verified=False),
            User("no-email", 4, "주소 없음", None, email_verified=False),
        )
    }
)
DENY: Final = "deny"
"""Named instead of a user: whoever sits there presses Cancel."""
