"""The services behind a gateway: each says who it is and what it was asked, and can be slow, rude or a websocket."""

import asyncio
import base64
import hashlib
import json
import threading
from contextlib import suppress
from typing import Final, Self

from eco2_testcluster.ports import HOST
from support.authz.envoy_application import Arrived

SLOW: Final = "x-test-delay"
"""A request with this header is answered so many seconds later."""
RUDE: Final = "x-test-hang-up"
"""A request with this header is not answered: the connection is closed when it has been read."""
_KEY: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Upstream:
    """One server of HTTP/1.1 in a thread."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self.arrived: list[Arrived] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"upstream-{name}")

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, HOST, 0, limit=2**20, backlog=512)

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Cancelled: at the end of the test.
        with suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            while await self._answer(reader, writer):
                pass
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read one request and answer it; whether another may follow."""
        request = _parse(await reader.readuntil(b"\r\n\r\n"))
        self.arrived.append(request)
        for length in request.values("content-length"):
            await reader.readexactly(int(length))
        if request.values(RUDE):
            return False
        if keys := request.values("sec-websocket-key"):
            writer.write(_accept(keys[0]))
            while data := await reader.read(2**16):
                writer.write(data)
            return False
        for seconds in request.values(SLOW):
            await asyncio.sleep(float(seconds))
        headers = [list(pair) for pair in request.headers]
        said = {"service": self.name, "method": request.method, "path": request.path, "headers": headers}
        body = json.dumps(said).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + (b"" if request.method == "HEAD" else body))
        await writer.drain()
        return True


def _parse(head: bytes) -> Arrived:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ")
    pairs = (line.partition(":") for line in lines)
    return Arrived(method, path, tuple((name, value.strip()) for name, _, value in pairs))


def _accept(key: str) -> bytes:
    """The answer that makes a websocket of the connection; what follows is sent back as it comes."""
    digest = hashlib.sha1(key.encode() + _KEY, usedforsecurity=False).digest()
    lines = ("HTTP/1.1 101 Switching Protocols", "connection: Upgrade", "upgrade: websocket")
    return "\r\n".join([*lines, f"sec-websocket-accept: {base64.b64encode(digest).decode()}", "", ""]).encode()
