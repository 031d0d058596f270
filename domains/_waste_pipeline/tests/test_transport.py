"""A deadline holds against a server that sends a byte now and then, for which single reads are never late."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from eco2_model_server.testing import RunningModelServer
from eco2_waste_pipeline.accounting import Ledger
from eco2_waste_pipeline.deadline import Deadline
from eco2_waste_pipeline.errors import ModelUnavailable, PipelineError, TimedOut
from eco2_waste_pipeline.metrics import PipelineMetrics
from eco2_waste_pipeline.openai_client import Ask, Models
from eco2_waste_pipeline.transport import DeadlineTransport

ASK = Ask(name="x", model="m", instructions="i", note="n", data="d", schema={}, max_output_tokens=100)
BYTES = 300
PAUSE = 0.02
"""Six seconds in all: far longer than the deadlines here, and then a good answer, which must not be waited for."""


@contextmanager
def dribbling(before: bytes, filler: bytes, after: bytes, *, count: int = BYTES, silence: float = 0.0) -> Iterator[str]:
    """A server whose answer comes a byte at a time, with `silence` before its end."""
    ended = threading.Event()

    def serve(listener: socket.socket) -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                try:
                    connection.sendall(before)
                    for _ in range(count):
                        if ended.wait(PAUSE):
                            return
                        connection.sendall(filler)
                    ended.wait(silence)
                    connection.sendall(after)
                except OSError:
                    continue

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def models(base_url: str, *, timeout: float = 60.0) -> Models:
    metrics = PipelineMetrics(CollectorRegistry(), ("m",))
    return Models(api_key=SecretStr("k"), base_url=base_url, timeout=timeout, attempts=1, metrics=metrics)


BODY = b'{"id": "r", "object": "response", "status": "completed", "output": []}'
PLACES = {
    "headers": (b"HTTP/1.1 200 OK\r\nx-padding: ", b"a", b"\r\ncontent-length: 0\r\n\r\n"),
    "body": (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (len(BODY) + BYTES),
        b" ",
        BODY,
    ),
    "error": (b"HTTP/1.1 500 Oops\r\ncontent-length: %d\r\n\r\n" % BYTES, b" ", b""),
}


@pytest.mark.parametrize("place", PLACES)
def test_the_deadline_of_the_run_holds(place: str, ledger: Ledger) -> None:
    with dribbling(*PLACES[place]) as url:
        client = models(url)
        with pytest.raises(TimedOut):
            client.ask(ASK, str, deadline=Deadline(0.3), ledger=ledger)
        client.close()


def test_silence_after_some_bytes_is_no_new_beginning(ledger: Ledger) -> None:
    """The last read begins before the deadline, and would end well before its own limit."""
    count = 30
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (len(BODY) + count)
    with dribbling(head, b" ", BODY, count=count, silence=0.8) as url:
        client = models(url)
        with pytest.raises(TimedOut):
            client.ask(ASK, str, deadline=Deadline(1.0), ledger=ledger)
        client.close()


def test_the_time_limit_of_a_request_holds(ledger: Ledger) -> None:
    with dribbling(*PLACES["body"]) as url:
        client = models(url, timeout=0.3)
        with pytest.raises(ModelUnavailable, match="no answer in time"):
            client.ask(ASK, str, deadline=Deadline(60), ledger=ledger)
        client.close()


@pytest.mark.parametrize("status", [b"200 OK", b"500 Oops"])
def test_it_holds_for_a_stream(status: bytes, ledger: Ledger) -> None:
    head = b"HTTP/1.1 %s\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" % status
    event = b'\ndata: {"type": "response.completed", "response": %s}\n\n' % BODY
    with dribbling(head, b":\n", event) as url:
        client = models(url)
        stream = client.stream(ASK, lambda parts: iter(["".join(parts)]), deadline=Deadline(0.3), ledger=ledger)
        with pytest.raises(PipelineError) as raised:
            next(stream)
        assert isinstance(raised.value, TimedOut)
        client.close()


def test_without_a_deadline_it_is_a_transport_as_any(model_server: RunningModelServer) -> None:
    with httpx2.Client(transport=DeadlineTransport()) as client:
        assert client.get(f"{model_server.url}/v1/models").status_code == 401


def test_nothing_begins_after_it() -> None:
    over = Deadline(0)
    with httpx2.Client(transport=DeadlineTransport()) as client, over.held(), pytest.raises(httpx2.ConnectTimeout):
        client.get("http://127.0.0.1:9/")
