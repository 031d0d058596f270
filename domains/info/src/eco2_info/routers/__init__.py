"""The endpoints. All are for signed-in users; nothing of a user is kept."""

from typing import Final

PREFIX: Final = "/api/v1/info"
