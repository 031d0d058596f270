"""From any spelling of the address of one of our images to its key. Nothing is ever fetched.

The same object can be addressed through the CDN, through S3 with the bucket in the path or in the host, with or without
the region, by IPv6 ("dualstack"), and through an endpoint of one's own; with a query that S3 or a client has added.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
https://docs.aws.amazon.com/AmazonS3/latest/API/dual-stack-endpoints.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from eco2_image.keys import is_image_key

LONGEST: Final = 2048
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
"""`urlsplit` drops line breaks and tabs silently; a browser takes a backslash for a slash. Neither gets so far."""
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where our objects lie: below `path` on a host."""

    host: str
    port: int | None
    """None: the usual port of http or https."""
    path: str
    """Ends with a slash."""


class Addresses:
    """The addresses under which the images of one bucket can be found.

    Args:
        cdn_base_url: such as ``https://images.growbin.app``, or with a path.
        endpoint_url: of S3, when it is not that of AWS.
    """

    def __init__(self, *, cdn_base_url: str, bucket: str, region: str, endpoint_url: str | None = None) -> None:
        self._cdn = cdn_base_url.rstrip("/")
        self._places = frozenset(_places(self._cdn, bucket, region, endpoint_url))

    def url(self, key: str) -> str:
        """Where everybody finds an image."""
        return f"{self._cdn}/{key}"

    def key(self, url: str) -> str | None:
        """The key of the image that a URL means; None when it is not one of ours, or odd in any way."""
        parts = _split(url)
        if parts is None:
            return None
        address = _address(parts)
        path = _decoded(parts.path)
        if address is None or path is None:
            return None
        for place in self._places:
            if address == (place.host, place.port) and path.startswith(place.path):
                key = path.removeprefix(place.path)
                if is_image_key(key):
                    return key
        return None


def _places(cdn: str, bucket: str, region: str, endpoint_url: str | None) -> list[_Place]:
    bases = [f"{cdn}/"]
    hosts = [
        "s3.amazonaws.com",
        f"s3.{region}.amazonaws.com",
        f"s3-{region}.amazonaws.com",
        f"s3.dualstack.{region}.amazonaws.com",
    ]
    if endpoint_url is not None:
        own = urlsplit(endpoint_url)
        hosts = [own.netloc]  # a bucket of the same name at AWS would be somebody else's
    for host in hosts:
        bases += [f"https://{host}/{bucket}/", f"https://{bucket}.{host}/"]
    return [place for base in bases if (place := _place(base)) is not None]


def _place(base: str) -> _Place | None:
    parts = _split(base)  # None: no host can begin with a bucket and go on with an IPv6 address
    address = None if parts is None else _address(parts)
    return None if parts is None or address is None else _Place(*address, path=parts.path)


def _split(url: str) -> SplitResult | None:
    if len(url) > LONGEST or _VISIBLE.fullmatch(url) is None or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that are no IPv6 address
        return None
    return parts if parts.scheme in _PORTS and "@" not in parts.netloc else None


def _address(parts: SplitResult) -> tuple[str, int | None] | None:
    """Host and port in one spelling: small letters, no dot at the end, no port that goes without saying."""
    try:
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").removesuffix(".")
    return (host, None if port == _PORTS.get(parts.scheme) else port) if host else None


def _decoded(path: str) -> str | None:
    """Percent-encoding taken away, once: what is encoded twice is another name."""
    try:
        return unquote_to_bytes(path).decode("ascii")
    except UnicodeDecodeError:
        return None
