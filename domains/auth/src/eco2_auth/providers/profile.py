"""Who somebody is at a provider, and what a provider does."""

from dataclasses import dataclass
from typing import Final, Protocol

MAX_SUBJECT: Final = 255
"""Characters; OpenID Connect Core 1.0 section 2 allows no more."""
_MAX_EMAIL: Final = 320
_MAX_NICKNAME: Final = 100
_MAX_PICTURE: Final = 2048


@dataclass(frozen=True, slots=True)
class Profile:
    """One account at one provider.

    Attributes:
        subject: the provider's name for the account; with `provider` the only thing to know it by.
        email: the address the provider has, if it says so; never a proof of who somebody is.
        email_verified: whether the provider says that the address is the account's own.
    """

    provider: str
    subject: str
    email: str | None
    email_verified: bool
    nickname: str | None
    picture: str | None


class Provider(Protocol):
    """Signs users in elsewhere (authorization code grant, RFC 6749 section 4.1)."""

    @property
    def name(self) -> str:
        """As in paths and in `x-auth-provider`."""

    async def authorization(self, *, redirect_uri: str, state: str, nonce: str, code_verifier: str) -> str:
        """The address to send the browser to.

        Raises:
            ProviderError: its discovery could not be read.
        """

    async def profile(
        self, *, code: str, state: str, nonce: str, code_verifier: str, redirect_uri: str, issuer: str | None
    ) -> Profile:
        """Who came back with that code.

        Args:
            redirect_uri: the same as for `authorization`, like state, nonce and verifier.
            issuer: the parameter `iss` of the callback (RFC 9207), None when there was none.

        Raises:
            ProviderError: nobody may be signed in.
        """


def subject(value: object) -> str | None:
    """A subject that can be stored and compared, else None."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_SUBJECT:
        return None
    return value if value.isascii() and value.isprintable() and " " not in value else None


def email(value: object) -> str | None:
    """An address as it is, or None for what cannot be one."""
    text = _text(value, _MAX_EMAIL)
    return text if text is not None and "@" in text and " " not in text else None


def nickname(value: object) -> str | None:
    """A nickname in one line, cut when it is very long."""
    if not isinstance(value, str):
        return None
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in value).split())
    return line[:_MAX_NICKNAME] or None


def picture(value: object) -> str | None:
    """The address of a picture that a page of ours may show, else None."""
    text = _text(value, _MAX_PICTURE)
    return text if text is not None and " " not in text and text.startswith("https://") else None


def _text(value: object, longest: int) -> str | None:
    """Text that is neither empty nor too long, and has no control characters."""
    return value if isinstance(value, str) and 0 < len(value) <= longest and value.isprintable() else None
