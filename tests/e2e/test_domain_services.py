"""The domain services as real pods, by the EcoDomains of the examples: schema first, then pods that serve.

PostgreSQL and Redis run on this machine, where the nodes' network reaches them.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import postgres, redis
from support.auth import new_pem
from support.domains import Domain
from support.e2e.world import ROOT, World
from support.postgres import Postgres
from support.waits import eventually

from eco2_operator.kinds import SECRET
from eco2_testcluster.images import build_images, tag_image

pytestmark = pytest.mark.e2e

NAMES = ("auth", "my", "character", "scan", "chat", "location", "image", "info")
TAG = "docker.io/mng990/eco2:{name}-e2e"
"""Beside the stand-ins, which have the names of the examples."""
PASSWORD = "only-for-tests"
PYTHON = ("/opt/eco2/bin/python", "-P", "-c")
ASK = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())"


@dataclass
class Stores:
    """What the domains keep their things in, as pods reach it."""

    address: str
    server: Postgres
    cache: redis.Redis

    def secret(self, database: str) -> dict[str, str]:
        """What the examples' `envFrom` finds."""
        return {
            "DATABASE_URL": f"postgresql://{postgres.OWNER}@{self.address}:{self.server.port}/{database}",
            "REDIS_URL": f"redis://:{PASSWORD}@{self.address}:{self.cache.port}/0",
            "CHARACTER_SERVICE_TOKEN_SECRET": "a-service-token-for-tests-0123456789",
            "JWT_SIGNING_KEYS": new_pem(),
        }


@pytest.fixture(scope="module")
def stores() -> Iterator[Stores]:
    program = os.environ.get("DOCKER") or "docker"
    found = json.loads(subprocess.run([program, "network", "inspect", "kind"], capture_output=True, check=True).stdout)
    network = next(each for each in found[0]["IPAM"]["Config"] if ":" not in each["Subnet"])
    with (
        postgres.running(listen_addresses=f"127.0.0.1,{network['Gateway']}") as server,
        redis.running(bind="0.0.0.0", requirepass=PASSWORD) as cache,  # noqa: S104 - behind a password
    ):
        with (server.data / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {network['Subnet']} trust\n")
        server.execute("SELECT pg_reload_conf()")
        yield Stores(network["Gateway"], server, cache)


@pytest.fixture(scope="module")
def images(shared: World) -> None:
    for image in build_images(NAMES, progress=print, environ=os.environ):
        tag_image(image, TAG.format(name=image.name), environ=os.environ)
    shared.provider.load_images([TAG.format(name=name) for name in NAMES])


def example(name: str, stores: Stores) -> dict[str, Any]:
    """The spec of the example, but for its place: image, node, node port, namespaces, and where its stores are."""
    spec: dict[str, Any] = yaml.safe_load((ROOT / "examples" / "domains" / f"{name}.yaml").read_text())["spec"]
    del spec["nodePort"], spec["placement"]
    spec["replicas"] = 1
    spec["image"] = TAG.format(name=name)
    spec["env"] = [each for each in spec["env"] if each["name"] != "REDIS_URL"]
    for side in ("inbound", "outbound"):  # among each other; the stand-ins of the examples admit them nowhere
        peers = spec["access"].get(side, [])
        spec["access"][side] = [here(peer) for peer in peers if peer.get("domain", NAMES[0]) in NAMES]
    spec["access"]["outbound"] += [
        {"cidr": f"{stores.address}/32", "port": port} for port in (stores.server.port, stores.cache.port)
    ]
    return spec


def here(peer: dict[str, Any]) -> dict[str, Any]:
    return {**peer, "namespace": f"e2e-{peer['domain']}"} if "domain" in peer else peer


@pytest.mark.usefixtures("images")
def test_they_bring_their_schema_up_and_serve(world: World, stores: Stores) -> None:
    with stores.server.database() as url:
        database = Path(url).name
        domains = {name: begin(world, stores, name, database) for name in NAMES}
        for name, domain in domains.items():
            eventually(domain.is_ready, within=180)
            migration = domain.status["migration"]
            assert migration["state"] == "Succeeded", name
            assert stores.server.execute(
                "SELECT count(*) FROM information_schema.tables WHERE table_schema = $1", name, database=database
            ) != [(0,)]
        assert_they_answer(world, domains)


def begin(world: World, stores: Stores, name: str, database: str) -> Domain:
    place = world.namespace(f"e2e-{name}")
    secret = {"metadata": {"name": name, "namespace": place}, "stringData": stores.secret(database)}
    world.api.apply(SECRET, {"apiVersion": "v1", "kind": "Secret", **secret}, manager="eco2-e2e")
    return world.domain(place, name, **example(name, stores))


def assert_they_answer(world: World, domains: dict[str, Domain]) -> None:
    def said(name: str, path: str) -> str:
        domain = domains[name]
        return world.run(
            world.pod(domain.namespace, name), domain.namespace, *PYTHON, ASK, f"http://127.0.0.1:8000{path}"
        )

    for name in domains:
        checks = json.loads(said(name, "/ready"))
        assert checks["status"] == "ok"
        assert "eco2_service_info" in said(name, "/metrics/status")
    (key,) = json.loads(said("auth", "/.well-known/jwks.json"))["keys"]
    assert (key["kty"], key["use"]) == ("RSA", "sig")
    eventually(lambda: "postgres" in json.loads(said("my", "/ready"))["checks"])
