"""The Redis that holds the revoked tokens."""

import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from eco2_authz_bench.workload import REVOKED

sys.path.append(str(Path(__file__).parents[3]))  # the rig of the tests

from support import redis


@dataclass(frozen=True)
class Store:
    """A running one."""

    url: str
    pid: int
    version: str


@contextmanager
def running(jtis: Sequence[str]) -> Iterator[Store]:
    """Start one in which these ids are revoked, and some others; it ends with the block."""
    # Nothing of it is kept: the bench writes before it measures only.
    with redis.running(appendonly="no", hz="10") as server:
        server.revoke(*jtis, *(str(uuid.uuid4()) for _ in range(REVOKED - len(jtis))), seconds=86_400)
        facts = server.do("INFO", "server")
        name = "Valkey" if "valkey_version" in facts else "Redis"
        version = facts.get("valkey_version") or facts["redis_version"]
        yield Store(server.url, server.process.pid, f"{name} {version}")
