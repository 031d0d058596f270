"""Where a login may send the browser in the end (FRONTEND_REDIRECT_ALLOW). Pure.

An address is compared letter by letter with what is allowed; nothing is decoded, lowered or completed first. Whoever
normalises before comparing has to do it exactly as every browser does. What a browser may read in another way than it
is written (https://url.spec.whatwg.org/: backslashes, tabs, dots, upper case, other alphabets) is not permitted at all.
"""

import re
from dataclasses import dataclass
from typing import Final

MAX_LENGTH: Final = 2048
_HOST: Final = r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[::1\])"
_URI: Final = re.compile(
    rf"(?P<origin>(?P<scheme>https?)://(?P<host>{_HOST})(?P<port>:[1-9][0-9]{{0,4}})?)"
    r"(?P<path>(?:/[A-Za-z0-9._~!$&'()*+,=:@%-]*)*)"  # RFC 3986 section 3.3, but for ; (some servers read ..; as ..)
    r"(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?",
    re.ASCII,
)
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
# In a path: what a server behind may decode and read as a separator, a step upwards, or a control character.
_HIDDEN: Final = re.compile(r"%(?:2[eEfF]|5[cC]|25|[01][0-9A-Fa-f]|7[fF])")
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}
_MAX_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class AllowedRedirect:
    """One entry.

    Attributes:
        path: prefix by whole segments, without a slash at the end; "": every path.
    """

    origin: str
    path: str = ""

    def covers(self, origin: str, path: str) -> bool:
        """Whether it permits that."""
        return origin == self.origin and (path == self.path or path.startswith(f"{self.path}/"))


@dataclass(frozen=True, slots=True)
class RedirectAllowList:
    """All of them. None: nothing is permitted."""

    entries: tuple[AllowedRedirect, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "RedirectAllowList":
        """Read a comma list of origins, each with a path prefix if wanted.

        Raises:
            ValueError: an entry could not permit what it seems to.
        """
        return cls(tuple(_entry(part.strip()) for part in text.split(",") if part.strip()))

    def permitted(self, uri: str) -> bool:
        """Whether a browser may be sent there."""
        parts = _parts(uri)
        return parts is not None and any(entry.covers(parts["origin"], parts["path"]) for entry in self.entries)


def _entry(text: str) -> AllowedRedirect:
    parts = _parts(text)
    if parts is None or "?" in text or "*" in text:
        raise ValueError(f"{text!r}: must be an origin such as https://app.example.com, with a path if wanted")
    if parts["port"] == _DEFAULT_PORTS[parts["scheme"]]:
        raise ValueError(f"{text!r}: leave out the port, as browsers do")
    if parts["scheme"] == "http" and parts["host"] not in _LOCAL:
        raise ValueError(f"{text!r}: must be https; http is for {', '.join(sorted(_LOCAL))}")
    return AllowedRedirect(parts["origin"], parts["path"].rstrip("/"))


def _parts(uri: str) -> dict[str, str] | None:
    """Scheme, host, port, origin and path of an address that everybody reads alike, else None."""
    if len(uri) > MAX_LENGTH:
        return None
    match = _URI.fullmatch(uri)
    if match is None or _BAD_ESCAPE.search(uri):
        return None
    parts = match.groupdict(default="")
    if parts["port"] and int(parts["port"][1:]) > _MAX_PORT:
        return None
    path = parts["path"]
    if "//" in path or _HIDDEN.search(path) or not {".", ".."}.isdisjoint(path.split("/")):
        return None
    return parts
