"""The server's settings: the only place that reads the environment.

Every setting is the variable of the same name in capitals. A fault names the variable and says what to do, and never
what a secret or a URL holds.
"""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from eco2_authz.blacklist import address
from eco2_authz.errors import KeysUnavailable, SettingsError
from eco2_authz.keys.file import FileKeys
from eco2_authz.keys.keyset import KeySet
from eco2_authz.keys.remote import RemoteKeys, Times
from eco2_authz.keys.source import FixedKeys, KeySource
from eco2_authz.paths import PublicPaths
from eco2_authz.policy import SYMMETRIC, Policy

_UNIX: Final = "unix:"
_LONGEST_SOCKET: Final = 100
"""Octets: 108 in the kernel, less what is added for several workers."""
_RS256: Final = frozenset({"RS256"})


def _listen(value: str) -> str:
    """``host:port``; the host may be empty, for all addresses."""
    host, colon, port = value.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535 or ({*":[]"} & {*host} and not _is_ipv6(host)):
        raise ValueError("must be host:port, such as 0.0.0.0:9001 or [::]:9001")
    return value


def _listen_or_socket(value: str) -> str:
    if not value.startswith(_UNIX):
        return _listen(value)
    path = value.removeprefix(_UNIX)
    if not path.startswith("/") or len(path.encode()) > _LONGEST_SOCKET:
        raise ValueError(f"must be unix: and an absolute path of at most {_LONGEST_SOCKET} bytes, or host:port")
    return value


def _is_ipv6(host: str) -> bool:
    try:
        return host[0] == "[" and host[-1] == "]" and ip_address(host[1:-1]).version == 6
    except ValueError:
        return False


def _accepted(check: Callable[[Any], object]) -> AfterValidator:
    """What a part of the program accepts; its SettingsError says what is wrong."""

    def validate(value: Any) -> Any:
        try:
            check(value)
        except SettingsError as error:
            raise ValueError(str(error).partition(": ")[2]) from None
        return value

    return AfterValidator(validate)


def _algorithms(value: str) -> str:
    Policy(algorithms=_listed(value))
    return value


def _listed(value: str) -> frozenset[str]:
    return frozenset(name.strip() for name in value.split(",") if name.strip())


File = Annotated[Path | None, BeforeValidator(lambda value: value or None)]


class Settings(BaseSettings):
    """Every setting of the server."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    authz_grpc_addr: Annotated[str, AfterValidator(_listen_or_socket)] = Field(
        "0.0.0.0:9001", description="Where checks are answered: host:port, or unix:/path."
    )
    authz_http_addr: Annotated[str, AfterValidator(_listen)] = Field(
        "0.0.0.0:9090", description="Where /metrics, /healthz and /readyz are served."
    )
    authz_workers: int = Field(1, ge=1, le=64, description="Processes that answer.")
    authz_worker_listen: Literal["ports", "reuseport"] = Field(
        "ports",
        description="How several workers share the address. ports: each has its own, the port plus its number or the "
        "path plus a dot and its number, to be listed as endpoints in Envoy; a connection then cannot meet a worker "
        "that is busier than the others. reuseport: one port, and the kernel chooses a worker for each connection.",
    )
    authz_transport: Literal["fast", "grpcio"] = Field(
        "fast", description="fast: HTTP/2 of our own, in the clear. grpcio: slower, with TLS and reflection."
    )
    authz_tls_cert_file: File = Field(None, description="Certificates of the server (PEM), with grpcio.")
    authz_tls_key_file: File = Field(None, description="Their private key (PEM).")
    authz_tls_client_ca_file: File = Field(
        None, description="Callers have to show a certificate of these authorities (PEM)."
    )
    authz_max_connections: int = Field(16_384, ge=1, description="Connections of a worker; further ones are closed.")
    authz_max_streams: int = Field(1_024, ge=1, description="Calls open at the same time on a connection.")
    authz_drain_seconds: float = Field(
        10, ge=0, le=600, description="After SIGTERM: how long calls that have begun may take. It ends 2 s later."
    )
    jwt_algorithms: Annotated[str, NoDecode, _accepted(_algorithms)] = Field(
        "RS256", description="Comma list of RS256 and ES256, or HS256 alone."
    )
    jwt_secret_key: SecretStr = Field(SecretStr(""), description="Shared secret for HS256, at least 32 bytes.")
    jwks_url: SecretStr = Field(SecretStr(""), description="Where the keys for RS256 and ES256 are published.")
    jwks_refresh_seconds: Annotated[float, _accepted(lambda value: Times(refresh=value))] = Field(
        300, description="Between two readings of JWKS_URL."
    )
    jwks_file: File = Field(None, description="A file with the keys, instead of JWKS_URL.")
    jwt_issuer: Annotated[str | None, _accepted(lambda value: Policy(algorithms=_RS256, issuer=value))] = Field(
        None, description="What the claim iss has to be; unset: anything."
    )
    jwt_audience: Annotated[str | None, _accepted(lambda value: Policy(algorithms=_RS256, audience=value))] = Field(
        None, description="What the claim aud has to be or to hold; unset: anything."
    )
    jwt_leeway_seconds: Annotated[float, _accepted(lambda value: Policy(algorithms=_RS256, leeway=value))] = Field(
        5, description="By how much clocks may differ."
    )
    jwt_cookie: Annotated[str, _accepted(lambda value: Policy(algorithms=_RS256, cookie=value))] = Field(
        "s_access", description="The cookie that is read without an Authorization header; empty: none."
    )
    redis_url: Annotated[SecretStr, _accepted(lambda value: address.parse(value.get_secret_value()))] = Field(
        SecretStr("redis://localhost:6379/0"),
        description="The blacklist: redis://, rediss://, unix:// or redis+sentinel://h1:26379,h2:26379/master/db.",
    )
    authz_redis_mode: Literal["lookup", "mirror"] = Field(
        "lookup", description="lookup: Redis is asked about each request. mirror: a copy in memory, kept by pub/sub."
    )
    authz_redis_timeout_ms: int = Field(
        100, ge=5, le=10_000, description="lookup: how long an answer of Redis may take; then the request is refused."
    )
    authz_redis_connections: int = Field(
        2, ge=1, le=16, description="lookup: connections of a worker. One is used, the others are in reserve."
    )
    authz_mirror_entries: int = Field(
        1_000_000,
        ge=1,
        description="mirror: revocations of a worker, about 250 bytes each. With more every token is refused.",
    )
    authz_mirror_trusted_ms: int = Field(
        2_000, ge=200, le=60_000, description="mirror: how long the copy is trusted while Redis does not answer."
    )
    authz_public_paths: Annotated[str, _accepted(PublicPaths.parse)] = Field(
        "", description="Comma list of paths that need no token: /exact or /prefix/*."
    )
    authz_dry_run: bool = Field(False, description="Decide, log and count, but let every request pass.")
    authz_token_cache_entries: int = Field(
        50_000, ge=0, description="Verified tokens a worker remembers; 0: none, and each is verified anew."
    )
    authz_token_cache_bytes: int = Field(
        128 * 1024 * 1024, ge=0, description="What they may take together; whichever bound is reached first counts."
    )
    authz_decision_log: bool = Field(True, description="Write each decision to standard output, a JSON object a line.")
    authz_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Of the process's own log on standard error: DEBUG, INFO, WARNING or ERROR."
    )

    @property
    def policy(self) -> Policy:
        """The rules of the check."""
        return Policy(
            algorithms=_listed(self.jwt_algorithms),
            issuer=self.jwt_issuer,
            audience=self.jwt_audience,
            leeway=self.jwt_leeway_seconds,
            cookie=self.jwt_cookie,
            public=PublicPaths.parse(self.authz_public_paths),
            dry_run=self.authz_dry_run,
        )

    @property
    def redis(self) -> address.Address:
        """Where the blacklist is."""
        return address.parse(self.redis_url.get_secret_value())

    def keys(self) -> KeySource:
        """The source of the keys, not yet started."""
        algorithms = _listed(self.jwt_algorithms)
        if algorithms <= SYMMETRIC:
            return FixedKeys(KeySet.of_secret(self.jwt_secret_key.get_secret_value().encode()))
        if self.jwks_file is not None:
            return FileKeys(self.jwks_file, algorithms)
        return RemoteKeys(self.jwks_url.get_secret_value(), algorithms, times=Times(refresh=self.jwks_refresh_seconds))


def load() -> Settings:
    """The settings of this process. Raises SettingsError, naming every variable without a usable value."""
    try:
        settings, faults = Settings(), {}
    except ValidationError as error:
        faults = {str(fault["loc"][0]): fault["msg"].removeprefix("Value error, ") for fault in error.errors()}
        # The faults that are between variables are looked for as if those had not been set.
        settings = Settings(**{name: Settings.model_fields[name].default for name in faults})
    found = [f"{name.upper()}: {message}" for name, message in faults.items()]
    found += [fault for names, fault in _contradictions(settings) if not faults.keys() & set(names)]
    if found:
        raise SettingsError("\n".join(found))
    return settings


def describe() -> list[tuple[str, Any, str]]:
    """Name, default and meaning of every setting, for the reference page."""
    return [
        (name.upper(), _shown(field.default), field.description or "") for name, field in Settings.model_fields.items()
    ]


def _shown(default: Any) -> Any:
    return default.get_secret_value() if isinstance(default, SecretStr) else default


_Fault = tuple[tuple[str, ...], str]
"""The settings it is about, and what is wrong."""


def _contradictions(settings: Settings) -> Iterator[_Fault]:
    symmetric = _listed(settings.jwt_algorithms) <= SYMMETRIC
    yield from _symmetric(settings) if symmetric else _asymmetric(settings)
    yield from _listening(settings)


def _symmetric(settings: Settings) -> Iterator[_Fault]:
    try:
        KeySet.of_secret(settings.jwt_secret_key.get_secret_value().encode())
    except KeysUnavailable as error:
        yield ("jwt_algorithms", "jwt_secret_key"), f"JWT_SECRET_KEY: {error}"
    for name in ("jwks_url", "jwks_file"):
        if _given(settings, name):
            yield ("jwt_algorithms", name), f"{name.upper()}: HS256 takes JWT_SECRET_KEY alone; leave this out"


def _asymmetric(settings: Settings) -> Iterator[_Fault]:
    algorithms = settings.jwt_algorithms
    sources = ("jwt_algorithms", "jwks_url", "jwks_file")
    given = [name for name in sources[1:] if _given(settings, name)]
    if not given:
        yield sources, f"JWKS_URL: {algorithms} needs keys; set JWKS_URL or JWKS_FILE"
    if len(given) > 1:
        yield sources, "JWKS_URL, JWKS_FILE: the keys can have one source only; leave one of them out"
    if _given(settings, "jwt_secret_key"):
        yield ("jwt_algorithms", "jwt_secret_key"), f"JWT_SECRET_KEY: {algorithms} takes no secret; leave it out"
    if _given(settings, "jwks_url"):
        try:
            RemoteKeys(settings.jwks_url.get_secret_value(), frozenset())
        except SettingsError as error:
            yield ("jwks_url",), str(error)


def _listening(settings: Settings) -> Iterator[_Fault]:
    if settings.authz_transport == "grpcio" and find_spec("grpc") is None:
        yield ("authz_transport",), "AUTHZ_TRANSPORT: grpcio is not installed; install eco2-authz[grpcio]"
    tls = ("authz_tls_cert_file", "authz_tls_key_file", "authz_tls_client_ca_file")
    given = [name for name in tls if _given(settings, name)]
    if given and settings.authz_transport != "grpcio":
        yield (*tls, "authz_transport"), f"{given[0].upper()}: TLS needs AUTHZ_TRANSPORT=grpcio"
    elif given and len({"authz_tls_cert_file", "authz_tls_key_file"} & set(given)) < 2:
        yield tls, "AUTHZ_TLS_CERT_FILE, AUTHZ_TLS_KEY_FILE: TLS needs both"
    yield from _addresses(settings)


def _addresses(settings: Settings) -> Iterator[_Fault]:
    several = settings.authz_workers > 1
    shared = settings.authz_worker_listen == "reuseport"
    names = ("authz_workers", "authz_worker_listen", "authz_grpc_addr")
    if settings.authz_grpc_addr.startswith(_UNIX):
        if several and shared:
            yield names, "AUTHZ_WORKER_LISTEN: reuseport needs a port; workers cannot share a socket file"
        return
    port, http = (int(value.rpartition(":")[2]) for value in (settings.authz_grpc_addr, settings.authz_http_addr))
    last = port if shared else port + settings.authz_workers - 1
    if port and last > 65535:
        yield names, "AUTHZ_GRPC_ADDR: the last worker's port is above 65535"
    elif port and port <= http <= last:
        which = f"ports {port} to {last} are" if last > port else f"port {port} is"
        yield (*names, "authz_http_addr"), f"AUTHZ_HTTP_ADDR: {which} for checks; take another one"


def _given(settings: Settings, name: str) -> bool:
    value = getattr(settings, name)
    return bool(value.get_secret_value() if isinstance(value, SecretStr) else value)
