from pathlib import Path

import pytest

from eco2_authz import settings
from eco2_authz.errors import SettingsError
from eco2_authz.keys.file import FileKeys
from eco2_authz.keys.remote import RemoteKeys
from eco2_authz.keys.source import FixedKeys
from eco2_authz.settings import Settings

SECRET = "0123456789abcdef0123456789abcdef"
URL = "https://auth.growbin.app/.well-known/jwks.json"
HS256 = {"JWT_ALGORITHMS": "HS256", "JWT_SECRET_KEY": SECRET}
CONTRACT = {
    "AUTHZ_GRPC_ADDR": "0.0.0.0:9001",
    "AUTHZ_HTTP_ADDR": "0.0.0.0:9090",
    "AUTHZ_WORKERS": 1,
    "AUTHZ_TRANSPORT": "fast",
    "JWT_ALGORITHMS": "RS256",
    "JWT_SECRET_KEY": "",
    "JWKS_URL": "",
    "JWKS_FILE": None,
    "JWT_ISSUER": None,
    "JWT_AUDIENCE": None,
    "JWT_LEEWAY_SECONDS": 5,
    "JWT_COOKIE": "s_access",
    "REDIS_URL": "redis://localhost:6379/0",
    "AUTHZ_REDIS_MODE": "lookup",
    "AUTHZ_PUBLIC_PATHS": "",
    "AUTHZ_DRY_RUN": False,
}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch):
    def load(**variables: str) -> Settings:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return settings.load()

    return load


@pytest.fixture
def faults(load):
    def faults(**variables: str) -> list[str]:
        with pytest.raises(SettingsError) as caught:
            load(**variables)
        return str(caught.value).splitlines()

    return faults


def test_names_and_defaults_are_those_of_the_contract() -> None:
    described = {name: default for name, default, _ in settings.describe()}
    assert {name: described[name] for name in CONTRACT} == CONTRACT
    assert all(text for _, _, text in settings.describe())


def test_a_secret_makes_fixed_keys(load) -> None:
    loaded = load(**HS256)
    assert isinstance(loaded.keys(), FixedKeys)
    assert loaded.policy.algorithms == {"HS256"}
    assert SECRET not in repr(loaded)


def test_a_url_or_a_file_makes_keys_that_are_read(load, tmp_path: Path) -> None:
    assert isinstance(load(JWKS_URL=URL).keys(), RemoteKeys)
    assert isinstance(load(JWKS_URL="", JWKS_FILE=str(tmp_path / "later.json")).keys(), FileKeys)


def test_everything_reaches_the_policy(load) -> None:
    policy = load(
        JWKS_URL=URL,
        JWT_ALGORITHMS="RS256, ES256",
        JWT_ISSUER="https://auth",
        JWT_AUDIENCE="eco2",
        JWT_LEEWAY_SECONDS="2.5",
        JWT_COOKIE="",
        AUTHZ_PUBLIC_PATHS="/health,/docs/*",
        AUTHZ_DRY_RUN="true",
    ).policy
    assert policy.algorithms == {"RS256", "ES256"}
    assert (policy.issuer, policy.audience, policy.leeway, policy.cookie) == ("https://auth", "eco2", 2.5, "")
    assert policy.public.matches("/docs/page")
    assert policy.dry_run


def test_empty_variables_of_compose_files_are_unset(load) -> None:
    loaded = load(JWKS_URL=URL, JWT_SECRET_KEY="", JWKS_FILE="", AUTHZ_TLS_CERT_FILE="", AUTHZ_PUBLIC_PATHS="")
    assert loaded.jwks_file is None
    assert loaded.authz_tls_cert_file is None


@pytest.mark.parametrize(
    ("variables", "name", "advice"),
    [
        ({}, "JWKS_URL", "set JWKS_URL or JWKS_FILE"),
        ({"JWKS_URL": URL, "JWKS_FILE": "/keys"}, "JWKS_URL, JWKS_FILE", "leave one of them out"),
        ({"JWKS_URL": URL, "JWT_SECRET_KEY": SECRET}, "JWT_SECRET_KEY", "leave it out"),
        ({"JWKS_URL": "file:///etc/passwd"}, "JWKS_URL", "http"),
        ({"JWT_ALGORITHMS": "HS256"}, "JWT_SECRET_KEY", "32 bytes"),
        ({"JWT_ALGORITHMS": "HS256", "JWT_SECRET_KEY": SECRET[:31]}, "JWT_SECRET_KEY", "32 bytes"),
        ({**HS256, "JWKS_URL": URL}, "JWKS_URL", "leave this out"),
        ({**HS256, "JWKS_FILE": "/keys"}, "JWKS_FILE", "leave this out"),
        ({**HS256, "JWT_ALGORITHMS": "HS256,RS256"}, "JWT_ALGORITHMS", "cannot be mixed"),
        ({**HS256, "JWT_ALGORITHMS": "none"}, "JWT_ALGORITHMS", "RS256"),
        ({**HS256, "JWT_ALGORITHMS": ""}, "JWT_ALGORITHMS", "RS256"),
        ({**HS256, "JWT_ISSUER": ""}, "JWT_ISSUER", "leave a variable out"),
        ({**HS256, "JWT_AUDIENCE": ""}, "JWT_AUDIENCE", "leave a variable out"),
        ({**HS256, "JWT_LEEWAY_SECONDS": "-1"}, "JWT_LEEWAY_SECONDS", "from 0 to 300"),
        ({**HS256, "JWT_LEEWAY_SECONDS": "nan"}, "JWT_LEEWAY_SECONDS", "from 0 to 300"),
        ({**HS256, "JWT_COOKIE": "a;b"}, "JWT_COOKIE", "cookie's name"),
        ({**HS256, "AUTHZ_PUBLIC_PATHS": "/*"}, "AUTHZ_PUBLIC_PATHS", "name the paths"),
        ({"JWKS_URL": URL, "JWKS_REFRESH_SECONDS": "0"}, "JWKS_REFRESH_SECONDS", "more than 0"),
        ({**HS256, "REDIS_URL": "http://redis"}, "REDIS_URL", "redis+sentinel://"),
        ({**HS256, "AUTHZ_WORKERS": "0"}, "AUTHZ_WORKERS", "greater than or equal to 1"),
        ({**HS256, "AUTHZ_WORKERS": "many"}, "AUTHZ_WORKERS", "integer"),
        ({**HS256, "AUTHZ_TRANSPORT": "http3"}, "AUTHZ_TRANSPORT", "'fast' or 'grpcio'"),
        ({**HS256, "AUTHZ_DRY_RUN": "perhaps"}, "AUTHZ_DRY_RUN", "boolean"),
        ({**HS256, "AUTHZ_REDIS_MODE": "guess"}, "AUTHZ_REDIS_MODE", "'lookup' or 'mirror'"),
        ({**HS256, "AUTHZ_HTTP_ADDR": "unix:/run/http"}, "AUTHZ_HTTP_ADDR", "host:port"),
        ({**HS256, "AUTHZ_HTTP_ADDR": "0.0.0.0:9003", "AUTHZ_WORKERS": "3"}, "AUTHZ_HTTP_ADDR", "ports 9001 to 9003"),
        ({**HS256, "AUTHZ_HTTP_ADDR": "0.0.0.0:9001"}, "AUTHZ_HTTP_ADDR", "port 9001"),
        ({**HS256, "AUTHZ_GRPC_ADDR": "0.0.0.0:65535", "AUTHZ_WORKERS": "2"}, "AUTHZ_GRPC_ADDR", "65535"),
        ({**HS256, "AUTHZ_TLS_CERT_FILE": "/c", "AUTHZ_TLS_KEY_FILE": "/k"}, "AUTHZ_TLS_CERT_FILE", "grpcio"),
        ({**HS256, "AUTHZ_TLS_CERT_FILE": "/c", "AUTHZ_TRANSPORT": "grpcio"}, "AUTHZ_TLS_CERT_FILE", "both"),
        (
            {
                **HS256,
                "AUTHZ_GRPC_ADDR": "unix:/run/authz",
                "AUTHZ_WORKERS": "2",
                "AUTHZ_WORKER_LISTEN": "reuseport",
            },
            "AUTHZ_WORKER_LISTEN",
            "needs a port",
        ),
    ],
)
def test_a_fault_names_the_variable_and_says_what_to_do(faults, variables, name: str, advice: str) -> None:
    (fault,) = faults(**variables)
    assert fault.startswith(name) or f", {name}" in fault
    assert advice in fault


@pytest.mark.parametrize("address", ["9001", "host", "host:", "host:99999", "a:b:1", "::1:9001", "[x]:1", ":x"])
def test_what_is_no_address(faults, address: str) -> None:
    (fault,) = faults(**HS256, AUTHZ_GRPC_ADDR=address)
    assert fault.startswith("AUTHZ_GRPC_ADDR: must be host:port")


@pytest.mark.parametrize("address", ["unix:relative", "unix:", "unix:/" + "x" * 100])
def test_what_is_no_socket(faults, address: str) -> None:
    (fault,) = faults(**HS256, AUTHZ_GRPC_ADDR=address)
    assert fault.startswith("AUTHZ_GRPC_ADDR: must be unix:")


@pytest.mark.parametrize("address", ["0.0.0.0:9001", ":9001", "[::]:9001", "localhost:0", "unix:/run/authz.sock"])
def test_addresses(load, address: str) -> None:
    assert load(**HS256, AUTHZ_GRPC_ADDR=address).authz_grpc_addr == address


def test_a_transport_that_is_not_installed(faults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "find_spec", lambda name: None)
    (fault,) = faults(**HS256, AUTHZ_TRANSPORT="grpcio")
    assert fault == "AUTHZ_TRANSPORT: grpcio is not installed; install eco2-authz[grpcio]"


def test_every_fault_is_told_at_the_same_time(faults) -> None:
    found = faults(
        JWT_ALGORITHMS="RS256",
        AUTHZ_WORKERS="0",
        JWT_COOKIE="a b",
        AUTHZ_TLS_KEY_FILE="/k",
        REDIS_URL="redis://:hunter2@host:port/",
    )
    assert [fault.partition(":")[0] for fault in found] == [
        "AUTHZ_WORKERS",
        "JWT_COOKIE",
        "REDIS_URL",
        "JWKS_URL",
        "AUTHZ_TLS_KEY_FILE",
    ]


def test_no_secret_is_told(faults) -> None:
    told = faults(
        JWT_ALGORITHMS="HS256",
        JWT_SECRET_KEY="hunter2",
        JWKS_URL="https://hunter2@host/hunter2",
        REDIS_URL="redis://user:hunter2@[/hunter2",
    )
    assert len(told) == 3
    assert "hunter2" not in "".join(told)


def test_a_fault_does_not_cause_another_one(faults) -> None:
    """Which keys are needed is not known while the algorithms are wrong."""
    assert len(faults(JWT_ALGORITHMS="RS512")) == 1
