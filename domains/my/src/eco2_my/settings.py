"""The environment of the service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from eco2_service.settings import Address, ServiceSettings

_Seconds = Annotated[float, Field(gt=0, le=3600)]


class Settings(ServiceSettings):
    """What all services read, and where the other domains are.

    Args:
        auth_url: such as ``http://auth.auth.svc.cluster.local``. A deletion that leaves the account is none.
        character_url, chat_url, scan_url, image_url: likewise. A domain without one is not there: a deletion skips it,
            and says so.
        deletion_poll_seconds: how often a replica looks for deletions that another one left.
        deletion_call_seconds: how long a domain may take to delete a user.
        deletion_pause_seconds: before the first repetition of a step that failed; it doubles up to five minutes.
    """

    auth_url: Address
    character_url: Address | None = None
    chat_url: Address | None = None
    scan_url: Address | None = None
    image_url: Address | None = None
    deletion_poll_seconds: _Seconds = 5.0
    deletion_call_seconds: Annotated[float, Field(gt=0, le=30)] = 10.0
    deletion_pause_seconds: _Seconds = 1.0

    @property
    def domain_urls(self) -> Mapping[str, str | None]:
        """By the name of the domain."""
        return {
            "auth": self.auth_url,
            "character": self.character_url,
            "chat": self.chat_url,
            "scan": self.scan_url,
            "image": self.image_url,
        }
