"""The health check of the image."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from support.redis import free_port
from support.services import serve

from eco2_service import healthcheck


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
async def test_it_asks_whether_the_process_lives(status: int, code: int) -> None:
    async def health(_request: object) -> Response:
        return Response(status_code=status)

    async with serve(Starlette(routes=[Route("/health", health)])) as client:
        assert await run(client.base_url.port or 0) == code


async def test_nobody_there_is_not_healthy() -> None:
    assert await run(free_port()) == 1


async def run(port: int) -> int:
    """Outside of any package: standard library only."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(Path(healthcheck.__file__))), env={"LISTEN_PORT": str(port)}
    )
    return await process.wait()


def test_it_needs_nothing_but_the_standard_library() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import eco2_service.healthcheck"
    package = str(Path(healthcheck.__file__).parents[1])
    subprocess.run([sys.executable, "-I", "-S", "-c", code, package], check=True)
