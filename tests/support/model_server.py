"""OpenAI and Azure AI Vision on this machine.

Fixtures, to import where they are needed: `model_process` and `model_server`.
"""

from collections.abc import Iterator

import pytest

from eco2_model_server.testing import RunningModelServer, running


@pytest.fixture(scope="session")
def model_process() -> Iterator[RunningModelServer]:
    """One for all tests of a process."""
    with running() as server:
        yield server


@pytest.fixture
def model_server(model_process: RunningModelServer) -> RunningModelServer:
    """All goes well there, and nothing was asked yet."""
    model_process.reset()
    return model_process
