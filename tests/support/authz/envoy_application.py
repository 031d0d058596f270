"""What stands behind Envoy: it answers every request, and remembers what arrived."""

import asyncio
import json
import threading
from dataclasses import dataclass
from typing import Final, Self

from eco2_testcluster.ports import HOST

PROBE: Final = "x-probe"
"""The header by which a test finds its request again."""


@dataclass(frozen=True)
class Arrived:
    """A request that has come through."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        """Every value of a header; a name in any case, and with underscores for dashes, is the same name."""
        return [value for key, value in self.headers if key.lower().replace("_", "-") == name]


class Application:
    """Answers 200 with what it was asked."""

    def __init__(self) -> None:
        self.address = ""
        self._arrived: dict[str, list[Arrived]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="application")

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        host, port = self._server.sockets[0].getsockname()
        self.address = f"{host}:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def arrived(self, probe: str) -> list[Arrived]:
        """Every request that arrived with this value of `PROBE`."""
        return self._arrived.get(probe, [])

    def probes(self) -> set[str]:
        """All that arrived."""
        return set(self._arrived)

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, HOST, 0, limit=2**20)

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = _parse(await reader.readuntil(b"\r\n\r\n"))
                for probe in request.values(PROBE) or [""]:
                    self._arrived.setdefault(probe, []).append(request)
                for length in request.values("content-length"):
                    await reader.readexactly(int(length))
                writer.write(_answer(request))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def _parse(head: bytes) -> Arrived:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ")
    pairs = (line.partition(":") for line in lines)
    return Arrived(method, path, tuple((name, value.strip()) for name, _, value in pairs))


def _answer(request: Arrived) -> bytes:
    body = json.dumps({"method": request.method, "path": request.path, "headers": request.headers}).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
