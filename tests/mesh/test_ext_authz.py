"""A CUSTOM policy has the real proxies ask the real eco2-authz, by the configuration that is shipped for Istio."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import redis
from support.authz import envoy_server
from support.authz.envoy_config import DEPLOYED
from support.authz.envoy_server import Server
from support.authz.envoy_tokens import PROVIDER, Issuer, jti
from support.authz.envoy_world import PATH, PUBLIC, PUBLIC_PATHS, SYMMETRIC
from support.mesh.backend import Answer
from support.mesh.mesh import MANAGER, Mesh
from support.mesh.objects import SERVICE_ENTRY, SIDECAR, Port, Workload
from support.redis import Redis
from support.waits import eventually

from eco2_operator.kinds import AUTHORIZATION_POLICY
from eco2_testcluster.ports import HOST, free_ports

pytestmark = pytest.mark.cluster


def shipped(name: str) -> Any:
    return yaml.safe_load((DEPLOYED.parent / "istio" / name).read_text())


MESH = shipped("mesh-config.yaml")["meshConfig"]
GRPC = MESH["extensionProviders"][0]["envoyExtAuthzGrpc"]
SPOOFED = {"x-user-id": "admin", "x_user_id": "admin", "x-auth-provider": "google"}


@dataclass(frozen=True)
class World:
    """chat calls scan, whose proxy asks eco2-authz."""

    mesh: Mesh
    chat: Workload
    scan: Workload
    server: Server
    redis: Redis
    issuer: Issuer

    def ask(self, path: str = PATH, *, token: str | None = None) -> Answer:
        """A request of chat, which also says that it is somebody else."""
        headers = SPOOFED | ({"authorization": f"Bearer {token}"} if token else {})
        return self.mesh.call(self.chat, self.scan, path, headers=headers)

    def status(self, **options: Any) -> int:
        """Of the answer."""
        return self.ask(**options).status


@pytest.fixture(scope="module")
def world(new_mesh: Callable[..., Mesh]) -> Iterator[World]:
    mesh = new_mesh(mesh=MESH)
    (port,) = free_ports(1)
    number = mesh.ports.named("http")["http"]
    scan = mesh.add("scan", "scan", ports=[Port("http", number)])
    chat = mesh.add("chat", "chat")
    mesh.api.apply(SERVICE_ENTRY, service(port), manager=MANAGER)
    mesh.api.apply(AUTHORIZATION_POLICY, policy(scan), manager=MANAGER)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eco2-")))
        store = stack.enter_context(redis.running())
        settings = {"REDIS_URL": store.url, "AUTHZ_PUBLIC_PATHS": PUBLIC_PATHS, **SYMMETRIC}
        server = stack.enter_context(envoy_server.running(folder, settings=settings, address=f"{HOST}:{port}"))
        mesh.start()
        let_call(mesh, scan, Port("grpc", GRPC["port"], "GRPC"))
        made = World(mesh, chat, scan, server, store, Issuer())
        eventually(lambda: made.status(token=made.issuer.token()) == 200)
        yield made


def let_call(mesh: Mesh, workload: Workload, port: Port) -> None:
    """The Sidecars of the tests know the ports of workloads alone; without any Sidecar a proxy knows them all."""
    known = mesh.api.read(SIDECAR, workload.namespace, workload.name)["spec"]["egress"]
    more = {"port": port.listed, "bind": workload.outside, "hosts": ["*/*"], "captureMode": "NONE"}
    mesh.api.patch(SIDECAR, workload.namespace, workload.name, {"spec": {"egress": [*known, more]}})


def service(port: int) -> dict[str, Any]:
    """eco2-authz under the name the provider has."""
    name, namespace = GRPC["service"].split(".")[:2]
    return {
        "apiVersion": SERVICE_ENTRY.api_version,
        "kind": SERVICE_ENTRY.name,
        "metadata": {"name": name, "namespace": "istio-system"},
        "spec": {
            "hosts": [f"{name}.{namespace}.svc.cluster.local"],
            "location": "MESH_EXTERNAL",
            "resolution": "STATIC",
            "ports": [{"name": "grpc", "number": GRPC["port"], "protocol": "GRPC", "targetPort": port}],
            "endpoints": [{"address": HOST}],
        },
    }


def policy(workload: Workload) -> dict[str, Any]:
    """The policy, for a workload's own proxy instead of the gateway."""
    wanted: dict[str, Any] = shipped("authorization-policy.yaml")
    wanted["metadata"]["namespace"] = workload.namespace
    wanted["spec"]["selector"]["matchLabels"] = dict(workload.labels)
    # The hosts are names of the outside; and here the public paths are asked about, too.
    wanted["spec"]["rules"] = [{"to": [{"operation": {"hosts": [workload.host, f"{workload.host}:*"]}}]}]
    return wanted


def test_a_token_says_who_it_is(world: World) -> None:
    headers = world.ask(token=world.issuer.token("user-7")).request["headers"]
    assert (headers["x-user-id"], headers["x-auth-provider"]) == ("user-7", PROVIDER)
    assert "x_user_id" not in headers


def test_without_a_good_token_nobody_gets_in(world: World) -> None:
    revoked = world.issuer.token()
    world.redis.revoke(jti(revoked))
    for token in (None, world.issuer.forged(), world.issuer.expired(), revoked, "x"):
        assert world.status(token=token) == 401


def test_on_a_public_path_everybody_is_nobody(world: World) -> None:
    headers = world.ask(PUBLIC).request["headers"]
    assert not headers.keys() & SPOOFED.keys()


@pytest.mark.parametrize("path", [f"{PUBLIC}/../../scan", f"{PUBLIC}%2f..%2f..%2fscan", "/api/v1/docs/..%2fscan"])
def test_no_other_path_is_public(world: World, path: str) -> None:
    assert world.status(path=path) == 401


def test_it_fails_closed(world: World) -> None:
    token = world.issuer.token()
    world.server.kill()
    for path in (PATH, PUBLIC):
        assert world.status(path=path, token=token) == 503
    world.server.start()
    eventually(lambda: world.status(token=token) == 200)
    world.redis.kill()
    eventually(lambda: world.status(token=token) == 503)
    assert world.status() == 401
