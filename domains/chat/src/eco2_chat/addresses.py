"""Addresses of the web in what users write."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

MOST: Final = 2
"""Of a message: each costs a question to another domain."""
LONGEST: Final = 1024
_ADDRESS: Final = re.compile(r"https?://[!#-;=?-_a-z~]+", re.IGNORECASE)
"""Visible ASCII without quotes and brackets: what follows directly in Korean is a particle, not a part of it."""
_NOT_AT_THE_END: Final = ".,;:!?')"


def addresses(text: str, base_url: str) -> list[str]:
    """The first ones of the host of `base_url`, in order, without the punctuation of the sentence around them."""
    host = urlsplit(base_url).hostname
    found = [address.rstrip(_NOT_AT_THE_END) for address in _ADDRESS.findall(text)]
    return [address for address in dict.fromkeys(found) if len(address) <= LONGEST and _host(address) == host][:MOST]


def plain(address: str) -> str:
    """Without query and fragment: they say nothing about which image it is, and are nobody else's business."""
    return re.split("[?#]", address, maxsplit=1)[0]


def without(text: str, address: str) -> str:
    """The text around an address."""
    return text.replace(address, " ").strip()


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:  # brackets that are no IPv6 address
        return None
