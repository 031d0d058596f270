"""The images of domains at work, on a real PostgreSQL and a real Redis. Needs a Docker engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support import postgres, redis
from support.auth import new_pem
from support.authz.envoy_server import get
from support.containers import docker, inspect, once, running
from support.waits import eventually

from eco2_testcluster.images import SOURCES, Image
from eco2_testcluster.ports import HOST, free_ports

pytestmark = pytest.mark.slow

DOMAINS = [name for name, source in SOURCES.items() if source.target == "domain"]


@pytest.fixture(scope="module")
def environ() -> Iterator[dict[str, str]]:
    """What every domain needs, and auth besides."""
    with postgres.running() as server, server.database() as url, redis.running() as cache:
        yield {
            "DATABASE_URL": url,
            "REDIS_URL": cache.url,
            "LISTEN_HOST": HOST,
            "JWT_SIGNING_KEYS": new_pem(),
            "JWT_ISSUER": "https://api.test",
            "OAUTH_REDIRECT_BASE": "https://api.test",
            "FRONTEND_REDIRECT_ALLOW": "https://frontend.test",
            "CHARACTER_SERVICE_TOKEN_SECRET": "a-service-token-for-tests-0123456789",
            "AUTH_URL": "http://127.0.0.1:1",
            "CHARACTER_URL": "http://127.0.0.1:1",
            "IMAGE_URL": "http://127.0.0.1:1",
            "MY_URL": "http://127.0.0.1:1",
            "S3_BUCKET": "eco2-test",
            "CDN_BASE_URL": "https://images.test",
        }


@pytest.mark.parametrize("name", DOMAINS)
def test_it_migrates_serves_is_healthy_and_stops(images: dict[str, Image], environ: dict[str, str], name: str) -> None:
    image = images[name].reference
    (port,) = free_ports(1)
    place = f"{HOST}:{port}"
    with running(image, "migrate", environ=environ) as job:
        assert docker("wait", job).stdout.strip() == "0", docker("logs", job).stderr
        assert f"schema {name}: revision " in docker("logs", job).stdout
    with running(image, environ={**environ, "LISTEN_PORT": str(port)}, options=("--health-interval", "1s")) as serving:
        eventually(lambda: get(place, "/ready")[0] == 200)
        eventually(lambda: inspect(serving)["State"]["Health"]["Status"] == "healthy")
        assert "eco2_service_info" in get(place, "/metrics/status")[1]
        docker("kill", "-s", "TERM", serving)
        assert docker("wait", serving).stdout.strip() == "0"
        logs = docker("logs", serving).stdout
        assert all(json.loads(line)["service"] == name for line in logs.splitlines())
        assert "PRIVATE KEY" not in logs


@pytest.mark.parametrize("name", DOMAINS)
def test_alembic_works_as_the_command_of_a_job(images: dict[str, Image], environ: dict[str, str], name: str) -> None:
    with running(
        images[name].reference, "upgrade", "head", environ=environ, options=("--entrypoint", "alembic")
    ) as job:
        assert docker("wait", job).stdout.strip() == "0", docker("logs", job).stderr


@pytest.mark.parametrize("name", DOMAINS)
def test_without_its_environment_it_says_what_lacks(images: dict[str, Image], name: str) -> None:
    code, said, errors = once(images[name].reference)
    assert (code, said) == (2, "")
    assert "DATABASE_URL: Field required" in errors


@pytest.mark.parametrize("name", DOMAINS)
def test_its_user_has_a_name(images: dict[str, Image], name: str) -> None:
    code = "import json, os, pwd; print(json.dumps([os.getuid(), pwd.getpwuid(os.getuid()).pw_name]))"
    _, said, _ = once(images[name].reference, "-c", code, options=("--entrypoint", "python"))
    user: Any = json.loads(said)
    assert user == [65532, "appuser"]
