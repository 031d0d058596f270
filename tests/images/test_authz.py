"""The image of ext-authz at work. Needs a Docker engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support import redis
from support.authz.envoy_server import get
from support.authz.envoy_world import SYMMETRIC
from support.containers import docker, inspect, once, running
from support.waits import eventually

from eco2_testcluster.images import Image
from eco2_testcluster.ports import HOST, free_ports

pytestmark = pytest.mark.slow

USER = "65532"


@pytest.fixture
def image(images: dict[str, Image]) -> str:
    return images["ext-authz"].reference


@contextmanager
def serving(image: str, **changes: str) -> Iterator[tuple[str, str]]:
    """A container that is ready; its id, and where it is administered."""
    grpc, http = (f"{HOST}:{port}" for port in free_ports(2))
    with redis.running() as store:
        settings = {**SYMMETRIC, "REDIS_URL": store.url, "AUTHZ_GRPC_ADDR": grpc, "AUTHZ_HTTP_ADDR": http}
        with running(image, environ={**settings, **changes}) as container:
            eventually(lambda: get(http, "/readyz")[0] == 200)
            yield container, http


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_runs_restricted_and_ends_in_order(image: str, workers: str) -> None:
    with serving(image, AUTHZ_WORKERS=workers) as (container, http):
        rows = docker("top", container, "-eo", "pid,uid,gid,args").stdout.splitlines()[1:]
        assert len(rows) == (1 if workers == "1" else 3)
        assert {tuple(row.split()[1:3]) for row in rows} == {(USER, USER)}
        assert "ext_authz_requests_total" in get(http, "/metrics")[1]
        docker("kill", "-s", "TERM", container)
        assert docker("wait", container).stdout.strip() == "0"
        assert not inspect(container)["State"]["OOMKilled"]


def test_what_every_request_goes_through_is_compiled(image: str) -> None:
    code = "import eco2_authz.check, eco2_authz.settings as s; print(eco2_authz.check.__file__, s.__file__)"
    status, said, errors = once(image, "-c", code, options=("--entrypoint", "python"))
    assert status == 0, errors
    compiled, settings = said.split()
    assert compiled.endswith(".so")
    assert settings.endswith(".py")


def test_wrong_settings_are_said_and_end_it(image: str) -> None:
    status, _, errors = once(image)
    assert status == 2
    assert "JWKS_URL" in errors
