"""The command, without Envoy."""

import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.authz.envoy_tokens import SECRET, Issuer, jti, rsa
from support.redis import Redis

from eco2_authz import cli, explaining
from eco2_authz.settings import Settings

SYMMETRIC = {"JWT_ALGORITHMS": "HS256", "JWT_SECRET_KEY": SECRET}
NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(explaining, "KEYS_SECONDS", 0.2)
    monkeypatch.setattr(explaining, "REDIS_SECONDS", 0.2)
    yield
    logging.disable(logging.NOTSET)


def run(*arguments: str, environ: Mapping[str, str], typed: str | None = None) -> Result:
    return CliRunner().invoke(cli.command, arguments, env=dict(environ), input=typed)


def explained(token: str, environ: Mapping[str, str]) -> tuple[int, dict[str, object]]:
    result = run("--explain", "-", "-o", "json", environ=environ, typed=token + "\n")
    assert token not in result.output
    assert token.rpartition(".")[2] not in result.output
    return result.exit_code, json.loads(result.stdout)


@pytest.fixture
def environ(redis: Redis) -> dict[str, str]:
    return {**SYMMETRIC, "REDIS_URL": redis.url}


def test_a_good_token(environ: dict[str, str]) -> None:
    code, found = explained(Issuer().token("user-7"), environ)
    assert (code, found["allowed"], found["reason"]) == (0, True, "ok")
    assert found["claims"]["sub"] == "user-7"  # type: ignore[index]
    assert all(step["passed"] for step in found["steps"])  # type: ignore[attr-defined]


def test_a_revoked_token(environ: dict[str, str], redis: Redis) -> None:
    token = Issuer().token()
    redis.revoke(jti(token))
    code, found = explained(token, environ)
    assert (code, found["reason"]) == (1, "blacklisted")


def test_tokens_that_would_be_refused(environ: dict[str, str]) -> None:
    cases = {"": "malformed", "x.y": "malformed", Issuer().expired(): "expired", Issuer().forged(): "bad_signature"}
    for token, reason in cases.items():
        result = run("--explain", "-", "-o", "json", environ=environ, typed=token)
        assert result.exit_code == 1
        assert json.loads(result.stdout)["reason"] == reason


def test_without_redis_it_cannot_be_told(environ: dict[str, str]) -> None:
    code, found = explained(Issuer().token(), {**environ, "REDIS_URL": NOBODY})
    assert (code, found["allowed"]) == (2, None)
    code, found = explained(Issuer().expired(), {**environ, "REDIS_URL": NOBODY})
    assert (code, found["reason"]) == (1, "expired")


def test_without_keys_it_cannot_be_told(environ: dict[str, str]) -> None:
    asymmetric = {"JWKS_URL": "http://127.0.0.1:1/jwks", "REDIS_URL": environ["REDIS_URL"]}
    code, found = explained(rsa("r1").token(), asymmetric)
    assert (code, found["reason"]) == (2, "keys_unavailable")


def test_keys_of_a_file(environ: dict[str, str], tmp_path: Path) -> None:
    issuer = rsa("r1")
    file = tmp_path / "jwks.json"
    file.write_text(issuer.jwks())
    asymmetric = {"JWKS_FILE": str(file), "REDIS_URL": environ["REDIS_URL"]}
    assert explained(issuer.token(), asymmetric)[0] == 0
    assert explained(rsa("r2").token(), asymmetric)[1]["reason"] == "unknown_key"


def test_for_people(environ: dict[str, str]) -> None:
    result = run("--explain", Issuer().token("user-7"), environ=environ)
    assert result.exit_code == 0
    assert "signature" in result.output
    assert "user-7" in result.output
    assert result.output.splitlines()[-1] == "Accepted."
    result = run("--explain", Issuer().expired(), environ=environ)
    assert (result.exit_code, result.output.splitlines()[-1]) == (1, "Refused (expired): the token has expired.")
    result = run("--explain", Issuer().token(), environ={**environ, "REDIS_URL": NOBODY})
    assert result.output.splitlines()[-1] == "It cannot be told: the blacklist does not answer."


def test_wrong_settings_are_told_line_by_line_before_anything_is_started() -> None:
    for arguments in ((), ("--explain", "-")):
        result = run(*arguments, environ={"AUTHZ_WORKERS": "0", "JWT_COOKIE": "a b"}, typed="x")
        assert result.exit_code == 2
        assert [line.split(":")[1] for line in result.stderr.splitlines()] == [
            *(" AUTHZ_WORKERS", " JWT_COOKIE", " JWKS_URL")
        ]
        assert result.stdout == ""


def test_help_and_version() -> None:
    assert "--explain" in run("-h", environ={}).output
    assert run("--version", environ={}).output.startswith("eco2-authz ")
    assert run("--nothing", environ={}).exit_code == 2


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("name", ["AUTHZ_HTTP_ADDR", "AUTHZ_GRPC_ADDR"])
def test_an_address_that_is_taken_is_told(redis: Redis, name: str, workers: str) -> None:
    environ = {**SYMMETRIC, "AUTHZ_HTTP_ADDR": "127.0.0.1:0", "AUTHZ_GRPC_ADDR": "127.0.0.1:0"}
    environ["AUTHZ_WORKERS"] = workers
    environ[name] = f"127.0.0.1:{redis.port}"
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "eco2_authz"], env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("eco2-authz: cannot start: ")
    assert time.monotonic() - began < 30
