"""What every domain service reads from its environment; a domain adds its own fields in a subclass."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def split_list(value: object) -> object:
    """A comma list of the environment as a tuple; what is no text stays as it is."""
    if not isinstance(value, str):
        return value
    return tuple(item for part in value.split(",") if (item := part.strip()))


CommaList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)]
"""A setting that lists texts: ``a,b`` in the environment."""


def _is_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or "@" in value:
        raise ValueError("must be http://host[:port][/path] or https://host[:port][/path]")
    return value


Address = Annotated[str, AfterValidator(_is_address)]
"""A setting that says where another service is."""
Port = Annotated[int, Field(ge=1, le=65535)]
_TOKEN: Final = re.compile(r"[\x21-\x7e]{16,}")


class DatabaseSettings(BaseSettings):
    """What migrations read: nothing else, so that their Job needs no other secret."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, populate_by_name=True, env_ignore_empty=True)

    database_url: SecretStr

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr) -> SecretStr:
        if urlsplit(value.get_secret_value()).scheme not in {"postgres", "postgresql", "postgresql+asyncpg"}:
            raise ValueError("must be postgresql://user:password@host:5432/database")
        return value


class ServiceSettings(DatabaseSettings):
    """The environment of a domain service. Names are those of the contract, in capitals.

    Args:
        metrics_port: where `/metrics/status` is served instead of on `listen_port`.
        database_pool_size: connections kept and used at most, per process.
        database_timeout_seconds: how long a request waits for a connection, and a statement for its answer.
        service_token: what other domains show to internal endpoints, and what is shown to them;
            `service_token_previous` is accepted too. A rotation in which services may restart in any order: first give
            all the new token as the previous one, then exchange the two, then take the old one away.
        cors_allow_origins: pages that may change state with a cookie, such as ``https://frontend.growbin.app``.
        cookie_prefix: of the session cookies' names.
        trusted_proxies: how many proxies in front append to `X-Forwarded-For`; what lies before was sent by anyone.
        drain_seconds: how long requests that run at SIGTERM may take.
    """

    listen_host: str = "0.0.0.0"  # noqa: S104 - a pod's own address is not known before it runs
    listen_port: Port = 8000
    metrics_port: Port | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    redis_url: SecretStr = SecretStr("redis://localhost:6379/0")
    database_pool_size: Annotated[int, Field(ge=1, le=1000)] = 10
    database_timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 5.0
    service_token: SecretStr | None = Field(default=None, validation_alias="CHARACTER_SERVICE_TOKEN_SECRET")
    service_token_previous: SecretStr | None = Field(
        default=None, validation_alias="CHARACTER_SERVICE_TOKEN_SECRET_PREVIOUS"
    )
    cors_allow_origins: CommaList = ()
    cookie_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]*$", max_length=32)] = ""
    trusted_proxies: Annotated[int, Field(ge=0, le=10)] = 1
    drain_seconds: Annotated[int, Field(ge=1, le=600)] = 20

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: SecretStr) -> SecretStr:
        if urlsplit(value.get_secret_value()).scheme not in {"redis", "rediss", "unix", "redis+sentinel"}:
            raise ValueError("must be redis://, rediss://, unix:// or redis+sentinel://")
        return value

    @field_validator("service_token", "service_token_previous")
    @classmethod
    def _fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and _TOKEN.fullmatch(value.get_secret_value()) is None:
            raise ValueError("must have at least 16 characters, all of them visible ASCII: no line break at the end")
        return value

    @field_validator("cors_allow_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            parts = urlsplit(origin)
            if parts.scheme not in {"http", "https"} or origin != f"{parts.scheme}://{parts.netloc}" or "@" in origin:
                raise ValueError("every item must be scheme://host[:port] and nothing more")
        return value


def explain(error: ValidationError) -> str:
    """What is wrong with the environment, a line for each variable; never a value, which may be a secret."""
    lines = []
    for found in error.errors(include_input=False, include_url=False, include_context=False):
        name = "_".join(str(part) for part in found["loc"]).upper() or "environment"
        lines.append(f"{name}: {found['msg'].removeprefix('Value error, ')}")
    return "\n".join(sorted(lines))
