"""What can go wrong beside what the kit knows."""

from __future__ import annotations

from typing import Final

from eco2_service.problems import Gone, NotFound, PreconditionFailed


class UserUnknown(NotFound):
    """auth has not told of the user, or not of an account with the provider."""

    def __init__(self) -> None:
        super().__init__(
            "Nothing is known of this user with this provider yet; right after a login try again in a moment",
            slug="user-unknown",
        )


class UserDeleted(Gone):
    """The user has asked to be deleted, and nothing brings them back."""

    def __init__(self) -> None:
        super().__init__("The user was deleted, or is about to be; do not ask again", slug="user-deleted")


class ProfileChanged(PreconditionFailed):
    """The profile is not the one that was read."""

    def __init__(self) -> None:
        super().__init__(
            "The profile has changed since it was read; read it again and repeat the change", slug="profile-changed"
        )


NO_SUCH_PAGE: Final = "no-such-page"


class NoSuchPage(NotFound):
    """A cursor is none of the list's."""

    def __init__(self) -> None:
        super().__init__("cursor: there is no such page; begin without one", slug=NO_SUCH_PAGE)
