"""When a changed child appears, as a client that watches would see it."""

import asyncio
import time
from types import TracebackType
from typing import Any, Self

from eco2_bench import workload
from eco2_bench.api import Api
from eco2_operator.kinds import DEPLOYMENT


class DeploymentWatch:
    """A watch on the Deployments that tells when one has a certain image."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._waiting: dict[tuple[str, str], asyncio.Future[float]] = {}

    async def __aenter__(self) -> Self:
        begun = asyncio.Event()
        self._task = asyncio.create_task(self._read(begun))
        await asyncio.wait_for(begun.wait(), 10)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def image(self, name: str, image: str) -> asyncio.Future[float]:
        """The monotonic time at which the watch shows that Deployment with that image."""
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting[name, image] = future
        return future

    async def _read(self, begun: asyncio.Event) -> None:
        async for obj in self._api.watch(DEPLOYMENT.path(workload.NAMESPACE), begun=begun):
            seen = time.monotonic()
            future = self._waiting.pop((obj["metadata"]["name"], _image(obj)), None)
            if future is not None and not future.done():
                future.set_result(seen)


def _image(deployment: dict[str, Any]) -> str:
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])
