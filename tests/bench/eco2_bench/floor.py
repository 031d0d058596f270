"""The floor: the same children by plain server-side applies with the operator's own client, and no controller.

Run as a process of its own, so that its CPU and memory are nobody else's; prints one line of JSON.
"""

import asyncio
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson

from eco2_bench import workload
from eco2_bench.api import tls_of
from eco2_operator.kinds import by_name
from eco2_operator.kube import Client, Connection
from eco2_operator.naming import Manifest, Ref

CONCURRENCY = 16
"""As many at a time as the operator's default."""


async def write(kubeconfig: Path, count: int) -> dict[str, float]:
    """Write the children of ``count`` applications."""
    server, tls = tls_of(kubeconfig)

    async def connect() -> Connection:
        return Connection(server, {}, tls)

    client = Client(connect, timeout=30)
    left = iter([workload.children(name) for name in workload.names(count)])
    began, used = time.monotonic(), _cpu()
    await asyncio.gather(*(_worker(client, left) for _ in range(CONCURRENCY)))
    wall, cpu = time.monotonic() - began, _cpu() - used
    await client.close()
    return {"wall": wall, "cpu": cpu, "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


async def _worker(client: Client, left: Iterator[list[Manifest]]) -> None:
    for children in left:
        for child in children:
            ref = Ref.of(child)
            kind = by_name(ref.group, ref.kind)
            if kind is None:
                raise AssertionError(ref)
            await client.apply(kind, child)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(asyncio.run(write(Path(sys.argv[1]), int(sys.argv[2])))))
