"""Everything of a test together: client, Envoy, eco2-authz, Redis, application; and one request through it all."""

import itertools
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from support import redis
from support.authz import envoy, envoy_server
from support.authz.envoy import Envoy
from support.authz.envoy_application import PROBE, Application, Arrived
from support.authz.envoy_client import Headers, Reply, exchange, request
from support.authz.envoy_config import Change
from support.authz.envoy_server import Server
from support.authz.envoy_tokens import SECRET, Issuer
from support.redis import Redis
from support.waits import eventually

from eco2_testcluster.ports import HOST, free_ports

PATH: Final = "/api/v1/scan/categories"
"""A protected path."""
PUBLIC: Final = "/api/v1/auth/refresh"
PUBLIC_PATHS: Final = f"{PUBLIC},/api/v1/docs/*"
SYMMETRIC: Final = {"JWT_ALGORITHMS": "HS256", "JWT_SECRET_KEY": SECRET}

_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Outcome:
    """A reply, and what the application got of the request."""

    reply: Reply
    requests: tuple[Arrived, ...]

    @property
    def status(self) -> int:
        """Of the reply."""
        return self.reply.status

    @property
    def reason(self) -> str:
        """Why eco2-authz has refused it; empty when it was Envoy."""
        found: str = json.loads(self.reply.body)["reason"] if self.reply.body else ""
        return found

    @property
    def request(self) -> Arrived:
        """The one request that arrived."""
        assert len(self.requests) == 1, f"{len(self.requests)} arrived; the answer: {self.reply}"
        return self.requests[0]

    @property
    def identity(self) -> tuple[list[str], list[str]]:
        """Who the application takes the caller for: every x-user-id, every x-auth-provider, underscores or not."""
        return self.request.values("x-user-id"), self.request.values("x-auth-provider")

    def refused(self, *statuses: int) -> bool:
        """Whether the reply has one of these statuses, and nothing arrived."""
        assert not self.requests, f"it arrived: {self.requests}"
        assert self.status in statuses, self.reply
        return True


@dataclass(frozen=True)
class World:
    """The parts. ``servers`` are the endpoints of the same Envoy."""

    folder: Path
    application: Application
    redis: Redis
    servers: Sequence[Server]
    envoy: Envoy
    issuer: Issuer
    settings: Mapping[str, str]

    @property
    def server(self) -> Server:
        """The first, or only, eco2-authz."""
        return self.servers[0]

    def ask(
        self,
        path: str | bytes = PATH,
        *,
        token: str | None = None,
        headers: Headers = (),
        method: str = "GET",
        host: str = "api.test",
        to: Envoy | None = None,
    ) -> Outcome:
        """Send one request through Envoy.

        Args:
            token: for an Authorization header.
            to: another Envoy than the first.
        """
        probe = f"ask-{next(_NUMBERS)}"
        authorization = [("authorization", f"Bearer {token}")] if token is not None else []
        octets = request(path, method=method, host=host, headers=[(PROBE, probe), *authorization, *headers])
        reply = exchange((to or self.envoy).address, octets)
        return Outcome(reply, tuple(self.application.arrived(probe)))

    def passes(self) -> bool:
        """Whether a good token comes through at this moment."""
        return self.ask(token=self.issuer.token()).status == 200

    @property
    def endpoints(self) -> list[str]:
        """Where every worker of every eco2-authz listens."""
        return [endpoint for server in self.servers for endpoint in server.endpoints]

    @contextmanager
    def envoy_with(self, *changes: Change, endpoints: Sequence[str] = ()) -> Iterator[Envoy]:
        """Another Envoy before all endpoints, or some."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        with envoy.running(
            folder, application=self.application.address, endpoints=endpoints or self.endpoints, changes=changes
        ) as another:
            eventually(another.healthy_endpoints)
            yield another


@contextmanager
def world(
    *,
    settings: Mapping[str, str] | None = None,
    servers: int = 1,
    workers: int = 1,
    issuer: Issuer | None = None,
    ready: bool = True,
    changes: Sequence[Change] = (),
) -> Iterator[World]:
    """Start everything; it ends with the block.

    Args:
        settings: of eco2-authz, beside its addresses, Redis and public paths; HS256 where no algorithm is named.
        servers: how many eco2-authz, each with so many workers; one worker listens on a port, several on sockets.
        ready: wait until they can decide.
        changes: to the Envoy configuration that is shipped.
    """
    folder = Path(tempfile.mkdtemp(prefix="eco2-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        application = stack.enter_context(Application())
        store = stack.enter_context(redis.running())
        wanted = {"REDIS_URL": store.url, "AUTHZ_PUBLIC_PATHS": PUBLIC_PATHS, **(settings or {})}
        if "JWT_ALGORITHMS" not in wanted:
            wanted |= SYMMETRIC
        options: dict[str, Any] = {"settings": wanted, "workers": workers, "ready": ready}
        addresses = [f"{HOST}:{port}" if workers == 1 else "" for port in free_ports(servers)]
        started = [
            stack.enter_context(envoy_server.running(folder / f"a{index}", address=address, **options))
            for index, address in enumerate(addresses)
        ]
        endpoints = [endpoint for server in started for endpoint in server.endpoints]
        front = stack.enter_context(
            envoy.running(folder / "envoy", application=application.address, endpoints=endpoints, changes=changes)
        )
        made = World(folder, application, store, started, front, issuer or Issuer(), wanted)
        if ready:
            eventually(lambda: front.healthy_endpoints() == len(endpoints))
            eventually(made.passes)
        yield made
