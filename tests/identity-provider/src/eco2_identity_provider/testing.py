"""The server in a thread of the test's own process."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import uvicorn

from eco2_identity_provider.application import World, create_world
from eco2_identity_provider.realm import Call, Client, Realm
from eco2_identity_provider.troubles import Endpoint, Fault, Trouble

REDIRECT_BASE: Final = "https://api.eco2.test"
"""OAUTH_REDIRECT_BASE of tests."""
_PATIENCE: Final = 30.0


@dataclass(frozen=True)
class RunningProviders:
    """What a test may know and do."""

    url: str
    world: World

    def realm(self, provider: str) -> Realm:
        """One of the three."""
        return self.world.realms[provider]

    def issuer(self, provider: str) -> str:
        """GOOGLE_ISSUER, KAKAO_ISSUER; of Naver NAVER_AUTH_URL and NAVER_API_URL."""
        return self.realm(provider).issuer

    def client(self, provider: str) -> Client:
        """What is registered there."""
        return self.realm(provider).client

    def calls(self, provider: str, endpoint: Endpoint) -> list[Call]:
        """What one endpoint was sent since the last reset."""
        return [call for call in self.realm(provider).calls if call.endpoint is endpoint]

    def reset(self) -> None:
        """Forget everything at all three."""
        for realm in self.world.realms.values():
            realm.reset()

    @contextmanager
    def trouble(self, provider: str, *troubles: Trouble, **faults: Fault) -> Iterator[None]:
        """Have that go wrong during the block. `faults` go by endpoint: ``token=Fault.DOWN``."""
        script = self.realm(provider).script
        script.write(frozenset(troubles), {Endpoint(name): fault for name, fault in faults.items()})
        try:
            yield
        finally:
            script.clear()


@contextmanager
def running(*redirect_bases: str) -> Iterator[RunningProviders]:
    """Serve on a free port of 127.0.0.1; ends with the block.

    Raises:
        RuntimeError: it does not start.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        world = create_world(url, *(redirect_bases or (REDIRECT_BASE,)))
        server = uvicorn.Server(
            uvicorn.Config(world.app, loop="asyncio", lifespan="off", ws="none", log_level="error", access_log=False)
        )
        thread = threading.Thread(target=server.run, args=([listener],), name="identity-provider", daemon=True)
        thread.start()
        try:
            _wait_for(server, thread)
            yield RunningProviders(url, world)
        finally:
            for realm in world.realms.values():
                realm.reset()  # what is held back ends
            server.should_exit = True
            thread.join(_PATIENCE)


def _wait_for(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the local identity providers do not start")
        time.sleep(0.01)
