"""The program, and a server that does not start."""

import os
import signal
import subprocess
import sys

import openai
import pytest
import uvicorn
from support.redis import free_port
from support.waits import eventually

from eco2_model_server.testing import running


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104
def test_it_serves_until_it_is_told_to_stop(host: str) -> None:
    port = free_port()
    command = [sys.executable, "-m", "eco2_model_server", "serve", "--host", host]
    environment = {**os.environ, "LISTEN_PORT": str(port)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="k", max_retries=0) as client:

                def answered() -> bool:
                    try:
                        return client.responses.create(model="gpt-5.1", input="?").status == "completed"
                    except openai.APIConnectionError:
                        return False

                eventually(answered)
        finally:
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=30)[0].decode()
    name = "localhost" if host == "0.0.0.0" else host  # noqa: S104
    assert f"OPENAI_BASE_URL=http://{name}:{port}/v1" in said
    assert f"AZURE_VISION_ENDPOINT=http://{name}:{port}\n" in said


def test_it_says_when_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_, **__: None)
    with pytest.raises(RuntimeError, match="does not start"), running():
        raise AssertionError("it did")
