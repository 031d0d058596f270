"""The server in a thread of the test's own process."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import uvicorn

from eco2_model_server.application import World, create_world
from eco2_model_server.records import Record
from eco2_model_server.troubles import parse

API_KEY: Final = "sk-of-a-test"
"""Opens nothing but this; any key does that does not begin with ``invalid``."""
_PATIENCE: Final = 30.0


@dataclass(frozen=True)
class RunningModelServer:
    """What a test may know and do."""

    url: str
    world: World

    @property
    def base_url(self) -> str:
        """OPENAI_BASE_URL."""
        return f"{self.url}/v1"

    @property
    def azure_endpoint(self) -> str:
        """AZURE_VISION_ENDPOINT."""
        return self.url

    def requests(self, api: str | None = None) -> list[Record]:
        """What was asked since the last reset."""
        return [record for record in self.world.records.all() if api in (None, record.api)]

    def control(self, *troubles: dict[str, Any], **trouble: Any) -> None:
        """Have these go wrong after those that are there; by name: one. See eco2_model_server.troubles."""
        self.world.script.add([parse(wanted) for wanted in (*troubles, *([trouble] if trouble else []))])

    def release(self) -> None:
        """All goes well from now on; what hangs goes on."""
        self.world.script.clear()

    def reset(self) -> None:
        """That, and nothing was asked."""
        self.release()
        self.world.records.clear()


@contextmanager
def running() -> Iterator[RunningModelServer]:
    """Serve on a free port of 127.0.0.1; ends with the block.

    Raises:
        RuntimeError: it does not start.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        world = create_world()
        server = uvicorn.Server(
            uvicorn.Config(world.app, loop="asyncio", lifespan="off", ws="none", log_level="critical", access_log=False)
        )
        thread = threading.Thread(target=server.run, args=([listener],), name="model-server", daemon=True)
        thread.start()
        try:
            _wait_for(server, thread)
            yield RunningModelServer(f"http://127.0.0.1:{listener.getsockname()[1]}", world)
        finally:
            world.script.clear()  # what is held back ends
            server.should_exit = True
            thread.join(_PATIENCE)


def _wait_for(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the local model server does not start")
        time.sleep(0.01)
