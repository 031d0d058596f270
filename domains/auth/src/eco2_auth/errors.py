"""What may go wrong, apart from what the HTTP side words itself."""

from __future__ import annotations

from eco2_service.problems import Forbidden, NotFound, Unauthorized, Unavailable


class BundleError(ValueError):
    """JWT_SIGNING_KEYS cannot be used. Says which key and why, and never what a key holds."""


class KeysUnavailable(Unavailable):
    """Tokens can be neither signed nor checked at the moment."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The keys for tokens are not at hand; try again in a moment: {why}", slug="keys-unavailable")


class InvalidToken(Exception):
    """Nobody is known by this token.

    Args:
        reason: one word or two for logs; never a part of the token.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TokenReused(InvalidToken):
    """A refresh token came again after its grace: its family has been revoked.

    Args:
        user_id: whose it is.
        provider: with whom the user signed in.
        family: the session that has ended.
    """

    def __init__(self, *, user_id: str, provider: str, family: str | None) -> None:
        super().__init__("reused")
        self.user_id = user_id
        self.provider = provider
        self.family = family


class UserGone(Exception):
    """The user was deleted while this was under way."""


class AlreadyLinked(Exception):
    """The account at the provider belongs to another user."""


class UnknownProvider(NotFound):
    """It does not exist, or is not set up here."""

    def __init__(self) -> None:
        super().__init__("There is no such provider here", slug="unknown-provider")


class RedirectRefused(Forbidden):
    """A login may not lead there."""

    def __init__(self) -> None:
        super().__init__("redirect_uri is not an address that logins may lead to", slug="redirect-refused")


class LoginRefused(Forbidden):
    """The browser brings back a login that it did not begin."""

    def __init__(self) -> None:
        super().__init__(
            "This login was not begun in this browser, took over ten minutes, or was finished before; begin again",
            slug="login-unknown",
        )


class NotSignedIn(Unauthorized):
    """No valid token was sent."""

    def __init__(self) -> None:
        super().__init__(
            "There is no valid token; sign in again", slug="invalid-token", headers={"www-authenticate": "Bearer"}
        )
