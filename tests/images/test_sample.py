"""The image of the stand-in for domains at work. Needs a Docker engine."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.authz.envoy_server import get
from support.containers import docker, inspect, once, running
from support.waits import eventually

from eco2_testcluster.images import Image
from eco2_testcluster.ports import HOST, free_ports

pytestmark = pytest.mark.slow


@pytest.fixture
def image(images: dict[str, Image]) -> str:
    return images["sample"].reference


@pytest.fixture
def port() -> int:
    (port,) = free_ports(1)
    return port


def test_it_finishes_what_is_in_flight(image: str, port: int) -> None:
    place = f"{HOST}:{port}"
    with running(image, environ={"LISTEN_PORT": str(port)}) as container, ThreadPoolExecutor() as threads:
        eventually(lambda: get(place, "/health")[0] == 200)
        slow = threads.submit(get, place, "/api/v1/chat?delay=2")
        eventually(lambda: "sample_requests_in_flight 2" in get(place, "/metrics/status")[1])
        docker("kill", "-s", "TERM", container)
        assert docker("wait", container).stdout.strip() == "0"
        status, body = slow.result()
        assert status == 200
        assert json.loads(body)["version"] == "0.1.0"


def test_all_containers_of_one_image_have_one_key(image: str) -> None:
    code = "from eco2_sample.keys import load_key, public_jwk; print(public_jwk(load_key())['kid'])"
    said = {once(image, "-c", code, options=("--entrypoint", "python")) for _ in range(2)}
    ((status, name, _),) = said
    assert (status, len(name.strip())) == (0, 43)


def test_it_crashes_and_fails_as_told(image: str) -> None:
    assert once(image, "crash")[0] == 3
    assert once(image, "migrate", "--fail")[0] == 1


def test_it_is_killed_for_the_memory_it_takes(image: str) -> None:
    with running(image, "eat-memory", environ={}, options=("--memory", "64m")) as container:
        assert docker("wait", container).stdout.strip() == "137"
        assert inspect(container)["State"]["OOMKilled"]


def test_it_can_be_a_redis(image: str, port: int) -> None:
    with running(image, "redis", "--port", str(port), environ={}) as container:
        eventually(lambda: "Ready to accept connections" in docker("logs", container).stdout)
        status, said, _ = connect(image, port)
        assert (status, json.loads(said)["outcome"]) == (0, "connected")
        docker("kill", "-s", "TERM", container)
        assert docker("wait", container).stdout.strip() == "0"


def connect(image: str, port: int) -> tuple[int, str, str]:
    done = docker("run", "--rm", "--network", "host", image, "connect", HOST, str(port), check=False)
    return done.returncode, done.stdout, done.stderr
