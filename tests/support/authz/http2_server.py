"""The HTTP/2 server as a process of its own, with answers that a test can ask for.

``python -m support.authz.http2_server`` takes one JSON object (`transport`, `address`, `limits`, `tls`), says where it
listens in one line of JSON, and ends on SIGTERM, drained. What it is asked decides what it answers: "state" the counts
a test wants to see, "hang" nothing ever, "late" after a moment, "raise" an exception, "raise late" too, "large N" so
many octets, a CheckRequest a decision, and everything else itself.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import psutil
import uvloop

from eco2_authz.decision import Identity, Reason
from eco2_authz.http2.limits import Limits
from eco2_authz.protocol import check_request, check_response
from eco2_authz.transports.server import Options, Server, Tls

_DRAIN_SECONDS: Final = 20.0
_MOMENT: Final = 0.001
_CHECK_REQUEST: Final = b"\x0a"
"""How a CheckRequest begins that is not empty."""


class Program:
    """One server and what is known about it."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._server: Server | None = None
        self._hanging: set[asyncio.Future[bytes]] = set()
        self._process = psutil.Process()

    async def run(self) -> None:
        """Serve until SIGTERM."""
        tls = {name: Path(path) for name, path in self._settings.get("tls", {}).items()}
        options = Options(
            address=self._settings["address"],
            too_large=lambda: b"too large",
            broken=lambda: b"broken",
            limits=Limits(**self._settings.get("limits", {})),
            tls=Tls(**tls) if tls else None,
        )
        transport = import_module(f"eco2_authz.transports.{self._settings.get('transport', 'fast')}")
        self._server = await transport.serve(self.answer, options)
        await self._server.set_serving(True)
        asked = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
        print(json.dumps({"address": self._server.address}), flush=True)  # noqa: T201 - whoever started it reads this
        await asked.wait()
        await self._server.drain(_DRAIN_SECONDS)

    def answer(self, message: bytes) -> bytes | Awaitable[bytes]:
        """As was asked."""
        match message.split():
            case [b"state"]:
                return json.dumps(self._state()).encode()
            case [b"hang", *_]:
                return self._hang()
            case [b"late", *_]:
                return self._late(message)
            case [b"raise"]:
                raise RuntimeError("as was asked")
            case [b"raise", b"late"]:
                return self._raise_late()
            case [b"large", size]:
                return bytes(int(size))
        return _decide(message) if message.startswith(_CHECK_REQUEST) else message

    def _state(self) -> dict[str, Any]:
        server: Any = self._server
        buffered = getattr(server, "buffered", None)
        return {
            "tasks": len(asyncio.all_tasks()),
            "connections": server.connections,
            "buffered": buffered and buffered.octets,
            "hanging": len(self._hanging),
            "rss": self._process.memory_info().rss,
            "cpu": sum(self._process.cpu_times()[:2]),
        }

    def _hang(self) -> Awaitable[bytes]:
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._hanging.add(future)
        future.add_done_callback(self._hanging.discard)
        return future

    async def _late(self, message: bytes) -> bytes:
        await asyncio.sleep(_MOMENT)
        return message

    async def _raise_late(self) -> bytes:
        await asyncio.sleep(_MOMENT)
        raise RuntimeError("as was asked, later")


def _decide(message: bytes) -> bytes:
    """The path is the user: an answer of the right form that shows what was read."""
    try:
        request = check_request.read(message)
    except check_request.MalformedRequest as error:
        return check_response.denied(Reason.MALFORMED, str(error))
    return check_response.allowed(Identity(request.path, request.method or None))


if __name__ == "__main__":
    uvloop.run(Program(json.loads(sys.argv[1])).run())
