"""A gateway, what is before and what is behind it: istiod, Envoy, eco2-authz, Redis and the services of domains."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from eco2_operator.kinds import SECRET
from eco2_testcluster.ports import HOST, free_ports
from support import redis
from support.api import Object
from support.authz import envoy_server
from support.authz.envoy_config import DEPLOYED
from support.authz.envoy_server import Server
from support.authz.envoy_tokens import Issuer, KeysEndpoint, rsa
from support.mesh import rendering
from support.mesh.certificate import Certificate
from support.mesh.mesh import MANAGER, Mesh
from support.mesh.objects import SERVICE_ENTRY, Workload
from support.mesh.rendering import SELECTOR
from support.mesh.upstream import Upstream
from support.mesh.visitor import Headers, Reply, ask
from support.redis import Redis

GATEWAY: Final = "istio-ingress"
"""Namespace of the gateway, and of its Gateway resources and policies."""
MESH: Final = yaml.safe_load((DEPLOYED.parent / "istio" / "mesh-config.yaml").read_text())["meshConfig"]
"""The mesh configuration that is shipped."""
PROVIDER: Final = MESH["extensionProviders"][0]["envoyExtAuthzGrpc"]
SERVICES: Final = ("auth", "scan", "chat", "my", "grafana", "shaky")
"""Domains: each the only service in the namespace of its name. Behind ``shaky`` every second endpoint is dead."""
ISSUER: Final = "https://api.test"
CERTIFICATE: Final = "api-tls"
HOSTS: Final = ("api.test", "other.test", "grafana.test", "*.web.test")


@dataclass(frozen=True)
class World:
    """The parts."""

    mesh: Mesh
    gateway: Workload
    services: Mapping[str, Upstream]
    server: Server
    redis: Redis
    issuer: Issuer
    keys: KeysEndpoint
    certificate: Certificate
    """Of `HOSTS`, in the Secret `CERTIFICATE`."""

    @property
    def http(self) -> int:
        """Where the gateway takes what is for its port 80."""
        return self.gateway.ports[0].target

    @property
    def https(self) -> int:
        """The same of 443."""
        return self.gateway.ports[1].target

    def open(self, *ingresses: Object, trusted_hops: int = 0) -> None:
        """Have these EcoIngresses at the gateway, rendered by the operator's builders; returns at once."""
        rendering.apply(self.mesh.api, rendering.rendered(*ingresses, trusted_hops=trusted_hops))

    def token(self, subject: str = "user-1", **claims: Any) -> str:
        """A good token."""
        return self.issuer.token(subject, **{"iss": ISSUER, **claims})

    def ask(self, path: str, *, token: str | None = None, headers: Headers = (), **options: Any) -> Reply:
        """One request in plain text on a connection of its own."""
        authorization = [("authorization", f"Bearer {token}")] if token is not None else []
        return ask(self.http, path, headers=[*authorization, *headers], **options)

    def secure(self, path: str, *, protocols: tuple[str, ...] = (), **options: Any) -> Reply:
        """The same by HTTPS."""
        return ask(self.https, path, tls=self.certificate.trusting(*protocols), **options)


def cookie(token: str) -> tuple[str, str]:
    """The header that brings a token as the cookie does."""
    return ("cookie", f"theme=dark; s_access={token}")


@contextmanager
def world(new_mesh: Callable[..., Mesh]) -> Iterator[World]:
    """Start everything: a gateway without any entrance."""
    mesh = new_mesh(mesh=MESH)
    gateway = mesh.add_gateway(GATEWAY, "istio-ingressgateway", account="istio-ingressgateway", labels=SELECTOR)
    issuer, certificate = rsa("key-1"), Certificate(HOSTS)
    mesh.api.create(SECRET, certificate.secret(GATEWAY, CERTIFICATE))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eco2-")))
        port, keys_port, dead = free_ports(3)
        keys = stack.enter_context(KeysEndpoint(issuer.jwks(), port=keys_port))
        keys.start()
        store = stack.enter_context(redis.running())
        wanted = {"REDIS_URL": store.url, "JWT_ALGORITHMS": "RS256", "JWKS_URL": keys.url}
        server = stack.enter_context(envoy_server.running(folder, settings=wanted, address=f"{HOST}:{port}"))
        services = {name: stack.enter_context(Upstream(name)) for name in SERVICES}
        for name, upstream in services.items():
            mesh.namespace(name)
            ports = [upstream.port, dead] if name == "shaky" else [upstream.port]
            mesh.api.apply(SERVICE_ENTRY, service(name, name, 80, *ports), manager=MANAGER)
        name, namespace = PROVIDER["service"].split(".")[:2]
        mesh.namespace(namespace)
        authz = service(namespace, name, PROVIDER["port"], port, protocol="GRPC")
        mesh.api.apply(SERVICE_ENTRY, authz, manager=MANAGER)
        mesh.start()
        yield World(mesh, gateway, services, server, store, issuer, keys, certificate)


def service(namespace: str, name: str, number: int, *targets: int, protocol: str = "HTTP") -> Object:
    """A service without a proxy, on ports of this machine."""
    listed = {"name": protocol.lower(), "number": number, "protocol": protocol}
    return {
        "apiVersion": SERVICE_ENTRY.api_version,
        "kind": SERVICE_ENTRY.name,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "hosts": [f"{name}.{namespace}.svc.cluster.local"],
            "location": "MESH_EXTERNAL",
            "resolution": "STATIC",
            "ports": [listed],
            "endpoints": [{"address": HOST, "ports": {listed["name"]: target}} for target in targets],
        },
    }
