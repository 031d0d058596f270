"""How people name the ends of a call on the command line. Pure."""

import re
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final, Literal
from urllib.parse import urlsplit

from eco2_operator.cli.errors import CliError

CALLERS: Final[tuple[Literal["gateway", "prometheus", "internet"], ...]] = ("gateway", "prometheus", "internet")
"""Callers that are no EcoDomain; an EcoDomain of such a name is named with its namespace."""
SCHEMES: Final = {"https": 443, "http": 80}
"""How a gateway is spoken to, and at which port."""
_DOMAIN: Final = re.compile(
    r"(?:(?P<namespace>[a-z0-9]([-a-z0-9]*[a-z0-9])?)/)?(?P<name>[a-z]([-a-z0-9]*[a-z0-9])?)(?::(?P<path>/.*))?"
)


@dataclass(frozen=True, slots=True)
class Named:
    """One end, as it was named."""

    sort: Literal["domain", "gateway", "prometheus", "internet", "store", "external", "range", "url"]
    name: str = ""
    """Of the domain or the store; the address range; the host."""
    namespace: str = ""
    """Empty: not said."""
    path: str | None = None
    port: int = 0
    """Of a range; of a URL, where 0 is what its scheme implies."""
    scheme: str = ""
    """Of a URL; empty: not said."""


def caller(text: str) -> Named:
    """FROM.

    Raises:
        CliError: when it is none of the forms.
    """
    for sort in CALLERS:
        if text == sort:
            return Named(sort)
    if _is_address(text):
        return Named("range", text)
    found = _DOMAIN.fullmatch(text)
    if found is None or found["path"]:
        known = f"{', '.join(CALLERS)} or an IP address"
        raise CliError(f"{text}: name the caller as NAME or NAMESPACE/NAME of an EcoDomain, {known}")
    return Named("domain", found["name"], found["namespace"] or "")


def called(text: str) -> Named:
    """TO.

    Raises:
        CliError: when it is none of the forms.
    """
    sort, colon, rest = text.partition(":")
    if colon and sort == "data":
        return Named("store", rest)
    if colon and sort == "external":
        if rest != "https":
            raise CliError(f"{text}: outside the cluster only external:https is known; for others cidr:ADDRESS:PORT")
        return Named("external", "https")
    if colon and sort == "cidr":
        return _range(text, rest)
    if "://" in text or "." in re.split("[/:]", text, maxsplit=1)[0]:
        return _url(text)
    found = _DOMAIN.fullmatch(text)
    if found is None:
        raise CliError(
            f"{text}: name what is called as NAME, NAMESPACE/NAME or NAMESPACE/NAME:/PATH of an EcoDomain,"
            " a URL or HOST/PATH, data:STORE, external:https or cidr:ADDRESS:PORT"
        )
    path = found["path"]
    return Named("domain", found["name"], found["namespace"] or "", path.partition("?")[0] if path else None)


def _url(text: str) -> Named:
    """A URL, or what is left of one without its scheme. No namespace has a dot, and every host of ours has one."""
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host, port = parts.hostname or "", parts.port or 0
    except ValueError:
        raise CliError(f"{text}: must be a URL such as https://api.example.org/api/v1/scan") from None
    if parts.scheme not in ("", *SCHEMES) or not host:
        raise CliError(f"{text}: must be a URL of http or https, such as https://api.example.org/api/v1/scan")
    return Named("url", host, path=parts.path or "/", port=port, scheme=parts.scheme)


def _is_address(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _range(text: str, rest: str) -> Named:
    address, _, port = rest.rpartition(":")
    address = address.removeprefix("[").removesuffix("]")
    try:
        ip_network(address, strict=False)
    except ValueError:
        raise CliError(f"{text}: must be cidr:ADDRESS:PORT, such as cidr:10.1.2.3:443") from None
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise CliError(f"{text}: {port} is no port: it must be cidr:ADDRESS:PORT, such as cidr:10.1.2.3:443")
    return Named("range", address, port=int(port))
