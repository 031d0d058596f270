"""A server that ends while calls come in: callers go elsewhere, and nobody hears an error."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest
from support.authz.http2_client import Client
from support.authz.http2_frames import DataFrame, call_frames
from support.authz.http2_process import ServerProcess, serving
from support.waits import eventually

from eco2_authz.transports.server import CHECK

CALLERS = 40
CHANNELS = 4
ROUNDS = 4
SOON = [(f"grpc.{kind}_reconnect_backoff_ms", 100) for kind in ("initial", "max")]
ROUND_ROBIN = '{"loadBalancingConfig": [{"round_robin": {}}]}'


class Pair:
    """Two servers, of which one is replaced now and then; addresses stay."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._servers = [self._start("127.0.0.1:0") for _ in range(2)]

    @property
    def addresses(self) -> list[str]:
        return [server.address for server in self._servers]

    def _start(self, address: str) -> ServerProcess:
        return self._stack.enter_context(serving(self._folder, address=address))

    async def replace(self, which: int) -> None:
        """End one as a supervisor does, and start it anew."""
        server = self._servers[which]
        server.terminate()
        assert await asyncio.to_thread(server.wait) == 0
        self._servers[which] = await asyncio.to_thread(self._start, server.address)
        # Who ends both servers at once leaves nobody to go to.
        await asyncio.to_thread(eventually, lambda: self._servers[which].state()["connections"] > CHANNELS)


@contextmanager
def pair(folder: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(folder, stack)


@pytest.mark.parametrize("question", [b"question", b"late"], ids=["at once", "later"])
async def test_no_call_fails_while_servers_are_replaced(tmp_path: Path, question: bytes) -> None:
    answered, over = Counter[int](), asyncio.Event()
    with pair(tmp_path) as servers:
        # Each channel is connected with both servers, and uses those that are there.
        target = f"ipv4:{','.join(servers.addresses)}"
        options = [("grpc.service_config", ROUND_ROBIN), ("grpc.use_local_subchannel_pool", 1), *SOON]
        channels = [grpc.aio.insecure_channel(target, options) for _ in range(CHANNELS)]

        async def call_on(caller: int) -> None:
            check = channels[caller % CHANNELS].unary_unary(CHECK)
            while not over.is_set():
                assert await check(question, timeout=30) == question
                answered[caller] += 1

        async with asyncio.TaskGroup() as callers:
            for caller in range(CALLERS):
                callers.create_task(call_on(caller))
            for number in range(ROUNDS):
                await servers.replace(number % 2)
            over.set()
        await asyncio.gather(*[channel.close() for channel in channels])
    assert len(answered) == CALLERS


def test_a_raw_client_loses_no_answer(tmp_path: Path) -> None:
    with serving(tmp_path) as server, Client(server.address) as client:
        assert client.call(b"question") == b"question"
        server.terminate()
        sent = []
        while client.goaway is None or client.goaway.last_stream_id == 2**31 - 1:
            number = client.next_number()
            client.send(*call_frames(client.encoder, number, b"late"))
            sent.append(number)
        last = client.goaway.last_stream_id
        for _ in range(200):  # the server has said that these are nothing to it
            client.send(*call_frames(client.encoder, client.next_number(), b"late"))
        found = client.frames(lambda found: False)
        answers = {frame.stream_id for frame in found if isinstance(frame, DataFrame)}
        assert answers == {number for number in sent if number <= last}
        client.close()
        assert server.wait() == 0
