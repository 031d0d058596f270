"""Where Redis is: the forms of REDIS_URL."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from eco2_authz.errors import SettingsError

_FORMS: Final = (
    "redis://[user:password@]host[:6379][/db], rediss://... for TLS, unix://[user:password@]/path[?db=n] or "
    "redis+sentinel://[user:password@]host1:26379,host2:26379/master[/db]"
)
_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379
_AUTHORITY_OPTION: Final = "ssl_ca_certs"

Host = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class Address:
    """A Redis primary, or the sentinels that know it."""

    hosts: tuple[Host, ...] = ()
    """One host, or every sentinel."""
    socket: str = ""
    """Path of a Unix socket, instead of a host."""
    master: str = ""
    """The name by which sentinels know the primary; empty: there are none."""
    database: int = 0
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    @property
    def majority(self) -> int:
        """How many sentinels have to agree."""
        return len(self.hosts) // 2 + 1


def parse(url: str) -> Address:
    """Read a REDIS_URL. Raises SettingsError, which never holds the URL: there may be a password in it."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:  # its message may quote the URL
        raise SettingsError(f"REDIS_URL: it cannot be read; it is {_FORMS}") from None
    read = _SCHEMES.get(parts.scheme.lower())
    if read is None:
        raise SettingsError(f"REDIS_URL: its scheme is unknown; it is {_FORMS}")
    try:
        return read(parts)
    except ValueError as error:
        raise SettingsError(f"REDIS_URL: {error}; it is {_FORMS}") from None


def _plain(parts: SplitResult) -> Address:
    options = _options(parts, ())
    return _on_host(parts, None, options)


def _encrypted(parts: SplitResult) -> Address:
    options = _options(parts, (_AUTHORITY_OPTION,))
    authority = options.get(_AUTHORITY_OPTION)
    if authority is not None and not Path(authority).is_file():
        raise ValueError(f"{_AUTHORITY_OPTION} is not a file")
    try:
        return _on_host(parts, ssl.create_default_context(cafile=authority), options)
    except ssl.SSLError:
        raise ValueError(f"{_AUTHORITY_OPTION} holds no certificates") from None


def _on_host(parts: SplitResult, tls: ssl.SSLContext | None, options: dict[str, str]) -> Address:
    hosts = _hosts(parts, _PORT)
    if len(hosts) != 1:
        raise ValueError("it names more than one host")
    user, password = _credentials(parts)
    database = _database(options.get("db") or parts.path.removeprefix("/"))
    return Address(hosts=hosts, database=database, user=user, password=password, tls=tls)


def _unix(parts: SplitResult) -> Address:
    if parts.netloc.rpartition("@")[2] or parts.path in ("", "/"):
        raise ValueError("it names no absolute path")
    user, password = _credentials(parts)
    options = _options(parts, ())
    return Address(socket=unquote(parts.path), database=_database(options.get("db", "")), user=user, password=password)


def _sentinel(parts: SplitResult) -> Address:
    master, _, database = parts.path.removeprefix("/").partition("/")
    if not master:
        raise ValueError("it does not name the master")
    user, password = _credentials(parts)
    options = _options(parts, ())
    return Address(
        hosts=_hosts(parts, _SENTINEL_PORT),
        master=unquote(master),
        database=_database(options.get("db") or database),
        user=user,
        password=password,
    )


_SCHEMES: Final = {"redis": _plain, "rediss": _encrypted, "unix": _unix, "redis+sentinel": _sentinel}


def _options(parts: SplitResult, names: tuple[str, ...]) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    allowed = {"db", *names}
    if parts.fragment or not options.keys() <= allowed:
        raise ValueError(f"of options it takes {', '.join(sorted(allowed))} (a special character is written as %XX)")
    return options


def _credentials(parts: SplitResult) -> tuple[str, str]:
    credentials, at, _ = parts.netloc.rpartition("@")
    if not at:
        return "", ""
    user, _, password = credentials.partition(":")
    return unquote(user), unquote(password)


def _hosts(parts: SplitResult, default_port: int) -> tuple[Host, ...]:
    return tuple(_host(text, default_port) for text in parts.netloc.rpartition("@")[2].split(","))


def _host(text: str, default_port: int) -> Host:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):  # no port: all of it is the host
        host, port = text, str(default_port)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError("a host is written as name:port")
    return host, int(port)


def _database(text: str) -> int:
    if text == "":
        return 0
    if not text.isdecimal():
        raise ValueError("the database is a number")
    return int(text)
