"""What the environment may say."""

import pytest
from pydantic import TypeAdapter, ValidationError

from eco2_service.settings import Address, ServiceSettings, explain

URL = "postgresql://user:password@host/database"


def read(monkeypatch: pytest.MonkeyPatch, **environment: str) -> ServiceSettings:
    for name, value in {"DATABASE_URL": URL, **environment}.items():
        monkeypatch.setenv(name, value)
    return ServiceSettings()


def test_names_are_those_of_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(
        monkeypatch,
        LISTEN_HOST="127.0.0.1",
        LISTEN_PORT="8001",
        METRICS_PORT="9100",
        LOG_LEVEL="DEBUG",
        REDIS_URL="redis+sentinel://a:26379,b:26379/main/1",
        CHARACTER_SERVICE_TOKEN_SECRET="a-token-of-16-chars",
        CHARACTER_SERVICE_TOKEN_SECRET_PREVIOUS="another-of-16-chars",
        CORS_ALLOW_ORIGINS="https://a.example, http://localhost:3000,",
        COOKIE_PREFIX="dev_",
    )
    assert (settings.listen_host, settings.listen_port, settings.metrics_port) == ("127.0.0.1", 8001, 9100)
    assert settings.log_level == "debug"
    assert settings.service_token is not None
    assert settings.service_token.get_secret_value() == "a-token-of-16-chars"
    assert settings.service_token_previous is not None
    assert settings.cors_allow_origins == ("https://a.example", "http://localhost:3000")
    assert "password" not in repr(settings)
    assert "a-token" not in repr(settings)


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, CHARACTER_SERVICE_TOKEN_SECRET="", METRICS_PORT="")
    assert (settings.service_token, settings.metrics_port) == (None, None)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DATABASE_URL", "mysql://user:hunter2@host/database", "must be postgresql://user:password@host:5432/database"),
        ("REDIS_URL", "http://:hunter2@host", "must be redis://, rediss://, unix:// or redis+sentinel://"),
        ("LISTEN_PORT", "70000", "less than or equal to 65535"),
        ("LOG_LEVEL", "hunter2", "Input should be 'debug', 'info', 'warning' or 'error'"),
        ("CHARACTER_SERVICE_TOKEN_SECRET", "hunter2", "must have at least 16 characters"),
        ("CHARACTER_SERVICE_TOKEN_SECRET", "hunter2-and-16-chars\n", "visible ASCII: no line break at the end"),
        ("CORS_ALLOW_ORIGINS", "https://a.example/path", "every item must be scheme://host[:port] and nothing more"),
        ("CORS_ALLOW_ORIGINS", "https://hunter2@a.example", "every item must be scheme://host[:port]"),
        ("COOKIE_PREFIX", "a;b", "String should match pattern"),
    ],
)
def test_what_is_wrong_is_said_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        read(monkeypatch, **{name: value})
    explained = explain(caught.value)
    assert explained.startswith(f"{name}: ")
    assert said in explained
    assert "hunter2" not in explained


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(ValidationError) as caught:
        ServiceSettings()
    assert explain(caught.value) == "DATABASE_URL: Field required"


@pytest.mark.parametrize(
    "address", ["http://my.my.svc.cluster.local", "https://127.0.0.1:8000", "http://[::1]:1/below"]
)
def test_where_another_service_is(address: str) -> None:
    assert TypeAdapter(Address).validate_python(address) == address


@pytest.mark.parametrize(
    "address", ["", "my:8000", "ftp://my", "http://", "http://my?x=1", "http://my#top", "http://user:password@my"]
)
def test_what_is_no_place_of_a_service(address: str) -> None:
    with pytest.raises(ValidationError, match=r"must be http://host"):
        TypeAdapter(Address).validate_python(address)
