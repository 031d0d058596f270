"""The environment: what is taken, what is refused, and that a refusal shows nothing."""

from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from eco2_auth.__main__ import main
from eco2_auth.cookies import Cookies
from eco2_auth.settings import Settings
from eco2_service.settings import explain

SECRET = "0123456789abcdef0123456789abcdef"
DATABASE = "postgresql://auth:password@localhost/eco2"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, pems: tuple[str, str, str]) -> pytest.MonkeyPatch:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATABASE_URL", DATABASE)
    monkeypatch.setenv("JWT_SIGNING_KEYS", pems[0])
    return monkeypatch


def refused(**environ: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        with pytest.raises(ValidationError) as error:
            Settings()  # type: ignore[call-arg]
        return explain(error.value)


def test_defaults_are_those_of_the_contract(environment: pytest.MonkeyPatch) -> None:
    settings = Settings()  # type: ignore[call-arg]
    assert (settings.access_ttl, settings.refresh_ttl) == (259_200, 518_400)
    assert (settings.cookie_domain, settings.cookie_prefix, settings.cookie_secure) == (".growbin.app", "", True)
    assert settings.jwt_algorithm == "RS256"
    providers = settings.providers
    assert (providers.google, providers.kakao, providers.naver) == (None, None, None)
    assert providers.google_issuer == "https://accounts.google.com"
    environment.setenv("KAKAO_CLIENT_ID", "id")
    environment.setenv("KAKAO_CLIENT_SECRET", "secret")
    kakao = Settings().providers.kakao  # type: ignore[call-arg]
    assert kakao is not None
    assert (kakao.client_id, kakao.client_secret.get_secret_value()) == ("id", "secret")


def test_an_empty_cookie_domain_is_this_host_alone(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("COOKIE_DOMAIN", "")
    environment.setenv("COOKIE_PREFIX", "dev_")
    cookies = Cookies.from_settings(Settings())  # type: ignore[call-arg]
    assert (cookies.domain, cookies.prefix) == (None, "dev_")
    environment.setenv("COOKIE_DOMAIN", "dev.growbin.app")
    assert Cookies.from_settings(Settings()).domain == "dev.growbin.app"  # type: ignore[call-arg]


def test_hs256_is_an_option(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("JWT_SIGNING_KEYS")
    environment.setenv("JWT_ALGORITHM", "HS256")
    environment.setenv("JWT_SECRET_KEY", SECRET)
    assert Settings().jwt_algorithm == "HS256"  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({"JWT_SIGNING_KEYS": "secret"}, "JWT_SIGNING_KEYS: must be one or more private keys"),
        ({"JWT_SIGNING_KEYS": ""}, "RS256 takes JWT_SIGNING_KEYS"),
        ({"JWT_SECRET_KEY": SECRET}, "RS256 takes JWT_SIGNING_KEYS, and no JWT_SECRET_KEY"),
        ({"JWT_ALGORITHM": "HS256", "JWT_SECRET_KEY": SECRET}, "and no JWT_SIGNING_KEYS"),
        ({"JWT_ALGORITHM": "HS256", "JWT_SIGNING_KEYS": "", "JWT_SECRET_KEY": SECRET[:31]}, "at least 32 bytes"),
        ({"JWT_ALGORITHM": "none"}, "JWT_ALGORITHM"),
        ({"ACCESS_TTL": "0"}, "ACCESS_TTL"),
        ({"COOKIE_DOMAIN": "growbin.app; Secure"}, "COOKIE_DOMAIN"),
        ({"FRONTEND_REDIRECT_ALLOW": "http://frontend.growbin.app"}, "FRONTEND_REDIRECT_ALLOW"),
        ({"OAUTH_REDIRECT_BASE": "http://api.growbin.app"}, "OAUTH_REDIRECT_BASE must be https"),
        ({"OAUTH_REDIRECT_BASE": "ftp://api.growbin.app"}, "OAUTH_REDIRECT_BASE"),
        ({"MY_URL": "http://user:secret@my"}, "MY_URL"),
    ],
)
def test_what_is_refused(environ: dict[str, str], why: str) -> None:
    message = refused(**environ)
    assert why in message
    for name in {"JWT_SIGNING_KEYS", "JWT_SECRET_KEY", "MY_URL"} & environ.keys():
        assert not environ[name] or environ[name] not in message


def test_without_tls_on_this_machine(environment: pytest.MonkeyPatch) -> None:
    for base, secure in (("http://localhost:8000", "true"), ("http://api.test", "false"), ("https://api.test", "true")):
        environment.setenv("OAUTH_REDIRECT_BASE", base)
        environment.setenv("COOKIE_SECURE", secure)
        Settings()  # type: ignore[call-arg]


def test_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    found: Any = CliRunner().invoke(main, ["openapi"])
    assert found.exit_code == 0, found.output
    assert '"/api/v1/auth/{provider}/callback"' in found.output
    monkeypatch.setenv("JWT_SIGNING_KEYS", "secret")
    broken = CliRunner().invoke(main, ["serve"])
    assert broken.exit_code == 2
    assert "JWT_SIGNING_KEYS" in broken.output
    assert "secret" not in broken.output
