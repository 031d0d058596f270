"""What asking Redis about one token costs, with 50 questions at a time: ours beside the ways of redis-py.

    PYTHONPATH=tests python tests/bench/authz/lookups.py [rounds]

Prints microseconds of CPU a question, of this process and of Redis.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import psutil
import redis.asyncio
import uvloop
from support.redis import Redis, running

from eco2_authz.blacklist.address import parse
from eco2_authz.blacklist.lookup import Lookup

AT_A_TIME: Final = 50

Ask = Callable[[str], Awaitable[Any]]


class Batched:
    """Collects the questions of one loop iteration."""

    def __init__(self, ask: Callable[[list[str]], Awaitable[list[Any]]]) -> None:
        self._ask = ask
        self._waiting: list[tuple[str, asyncio.Future[Any]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, key: str) -> Awaitable[Any]:
        """Ask with the others."""
        future = asyncio.get_running_loop().create_future()
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append((key, future))
        return future

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        task = asyncio.create_task(self._run(waiting))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, waiting: list[tuple[str, asyncio.Future[Any]]]) -> None:
        answers = await self._ask([key for key, _ in waiting])
        for (_, future), answer in zip(waiting, answers, strict=True):
            future.set_result(answer)


async def cost(ask: Ask, rounds: int, server: psutil.Process) -> tuple[float, float]:
    """CPU microseconds a question, here and in Redis."""
    await asyncio.gather(*(ask(f"blacklist:{number}") for number in range(AT_A_TIME)))
    here, there = time.process_time(), sum(server.cpu_times()[:2])
    for turn in range(rounds):
        await asyncio.gather(*(ask(f"blacklist:{turn}-{number}") for number in range(AT_A_TIME)))
    questions = rounds * AT_A_TIME
    return (
        (time.process_time() - here) / questions * 1e6,
        (sum(server.cpu_times()[:2]) - there) / questions * 1e6,
    )


async def measure(server: Redis, rounds: int) -> None:
    """Print the table."""
    pool = redis.asyncio.BlockingConnectionPool(host="127.0.0.1", port=server.port, max_connections=8)
    client = redis.asyncio.Redis(connection_pool=pool)

    async def pipeline(keys: list[str]) -> list[Any]:
        batch = client.pipeline(transaction=False)
        for key in keys:
            batch.exists(key)
        return await batch.execute()

    connection: Any = await pool.get_connection()

    async def packed(keys: list[str]) -> list[Any]:
        await connection.send_packed_command(connection.pack_commands([("EXISTS", key) for key in keys]))
        return [await connection.read_response() for _ in keys]

    ours = Lookup(parse(server.url), connections=1, limit=1.0, random=lambda: 0.5)
    await ours.start()
    while not ours.ready:
        await asyncio.sleep(0.01)
    process = psutil.Process(server.process.pid)
    ways: dict[str, Ask] = {
        "redis-py, execute_command, pool of 8": client.exists,
        "redis-py, pipeline of a batch": Batched(pipeline),
        "redis-py, pack_commands and read_response": Batched(packed),
        "blacklist.lookup": lambda key: ours.revoked(key, 0.0),
    }
    for name, ask in ways.items():
        here, there = await cost(ask, rounds, process)
        sys.stdout.write(f"{name:42} {here:6.2f} us here {there:6.2f} us in Redis\n")
    await ours.stop()
    await pool.disconnect()


if __name__ == "__main__":
    with running() as started:
        uvloop.run(measure(started, int(sys.argv[1]) if len(sys.argv) > 1 else 1_000))
