"""Several worker processes, and the one that looks after them."""

import asyncio
import itertools
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import grpc
import psutil
import pytest
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest
from prometheus_client.parser import text_string_to_metric_families
from support.aio import becomes
from support.authz import envoy_server
from support.authz.envoy_server import Server
from support.authz.envoy_tokens import SECRET, Issuer, jti
from support.redis import Redis, free_port, running
from support.waits import eventually

from eco2_authz.metrics.memory import READY, Memory
from eco2_authz.transports.server import CHECK
from eco2_authz.workers import supervisor as module
from eco2_authz.workers.supervisor import Supervisor

WORKERS = 2
SETTINGS = {"JWT_ALGORITHMS": "HS256", "JWT_SECRET_KEY": SECRET, "AUTHZ_REDIS_MODE": "mirror"}
ALLOWED, REFUSED = b"\x0a\x00", b"\x0a\x02"
"""How an answer begins: its status, without or with a code."""
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def store() -> Iterator[Redis]:
    """A Redis that nobody breaks."""
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="eco2-") as name:  # a short path: it holds sockets
        yield Path(name)


@pytest.fixture
def start(store: Redis, folder: Path) -> Iterator[Callable[..., Server]]:
    with ExitStack() as stack:

        def make(workers: int = WORKERS, **settings: str) -> Server:
            environ = {**SETTINGS, "REDIS_URL": store.url, **settings}
            return stack.enter_context(envoy_server.running(place(folder), settings=environ, workers=workers))

        yield make


@pytest.fixture(scope="module")
def shared(store: Redis, folder: Path) -> Iterator[Server]:
    """A server that nobody breaks."""
    environ = {**SETTINGS, "REDIS_URL": store.url}
    with envoy_server.running(place(folder), settings=environ, workers=WORKERS) as server:
        yield server


def place(folder: Path) -> Path:
    return folder / str(next(NUMBERS))


def question(token: str) -> bytes:
    message = CheckRequest()
    http = message.attributes.request.http
    http.method, http.path, http.host = "GET", "/api/v1/scan?secret=query", "api.growbin.app"
    http.headers["authorization"] = f"Bearer {token}"
    octets: bytes = message.SerializeToString()
    return octets


def ask(endpoint: str, token: str) -> bytes:
    with grpc.insecure_channel(endpoint) as channel:
        answer: bytes = channel.unary_unary(CHECK)(question(token), timeout=10)
    return answer


def passes(endpoint: str, token: str) -> bool:
    answer = ask(endpoint, token)
    assert answer.startswith((ALLOWED, REFUSED))
    return answer.startswith(ALLOWED)


def metrics(server: Server) -> dict[str, float]:
    """By name, and for requests by reason."""
    status, text = server.get("/metrics")
    assert status == 200
    return {
        sample.labels.get("reason", sample.name): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def processes(server: Server) -> list[psutil.Process]:
    """Its workers."""
    return psutil.Process(server.process.pid).children()


def test_workers_have_sockets_of_their_own_and_numbers_in_common(shared: Server) -> None:
    token = Issuer().token()
    before = metrics(shared)
    for endpoint in shared.endpoints:
        for _ in range(5):
            assert passes(endpoint, token)
        assert not passes(endpoint, Issuer().expired())
    after = metrics(shared)
    gained = {name: after[name] - before[name] for name in after}
    assert (gained["ok"], gained["expired"]) == (5 * WORKERS, WORKERS)
    assert gained["ext_authz_request_duration_seconds_count"] == 6 * WORKERS
    assert gained["ext_authz_token_cache_misses_total"] == 2 * WORKERS
    eventually(lambda: metrics(shared)["ext_authz_token_cache_entries"] >= WORKERS)
    assert after["ext_authz_blacklist_ready"] == 1
    assert after["ext_authz_keys_ready"] == 1


def test_a_revoked_token_is_refused_by_every_worker(shared: Server, store: Redis) -> None:
    token = Issuer().token()
    assert all(passes(endpoint, token) for endpoint in shared.endpoints)
    store.revoke(jti(token))
    eventually(lambda: not any(passes(endpoint, token) for endpoint in shared.endpoints))
    eventually(lambda: metrics(shared)["ext_authz_mirror_entries"] >= 1)


def test_what_each_worker_decides_is_one_line(shared: Server) -> None:
    before = shared.log.read_text().count('"reason":"ok"')
    tokens = [Issuer().token(f"user-{number}") for number in range(20)]
    for token, endpoint in zip(tokens, itertools.cycle(shared.endpoints)):
        assert passes(endpoint, token)
    eventually(lambda: shared.log.read_text().count('"reason":"ok"') == before + len(tokens))
    written = shared.log.read_text()
    assert '"path":"/api/v1/scan"' in written
    assert "secret=query" not in written
    assert not any(part in written for token in tokens for part in token.split(".")[1:])


def test_a_killed_worker_comes_back_and_nothing_it_counted_is_lost(start) -> None:
    server = start()
    token = Issuer().token()
    for endpoint in server.endpoints:
        for _ in range(50):
            assert passes(endpoint, token)
    first, second = processes(server)
    first.kill()
    eventually(lambda: metrics(server)["ext_authz_worker_restarts_total"] == 1)
    assert metrics(server)["ok"] == 50 * WORKERS
    assert server.get("/readyz")[0] == 200
    for endpoint in server.endpoints:
        eventually(lambda endpoint=endpoint: answers(endpoint, token))
    eventually(lambda: metrics(server)["ext_authz_blacklist_ready"] == 1)
    assert second in processes(server)
    assert len(processes(server)) == WORKERS
    assert metrics(server)["ok"] > 50 * WORKERS


def answers(endpoint: str, token: str) -> bool:
    try:
        return passes(endpoint, token)
    except grpc.RpcError:
        return False


def test_told_to_end_it_says_so_and_ends_with_its_workers(start) -> None:
    server = start(AUTHZ_DRAIN_SECONDS="3")
    workers = processes(server)
    with grpc.insecure_channel(server.endpoints[0]) as channel:
        assert channel.unary_unary(CHECK)(question(Issuer().token()), timeout=10).startswith(ALLOWED)
        began = time.monotonic()
        server.terminate()
        eventually(lambda: server.get("/readyz") in ((503, "stopping\n"), (0, "")))
        assert server.wait() == 0
        assert time.monotonic() - began < 3 + 2
    assert not [worker for worker in workers if worker.is_running()]
    assert not [endpoint for endpoint in server.endpoints if Path(endpoint.removeprefix("unix:")).exists()]
    assert Issuer().token()[:20] not in server.log.read_text()


def test_alone_it_ends_in_time_as_well(start) -> None:
    server = start(workers=1, AUTHZ_DRAIN_SECONDS="0")
    assert passes(server.endpoints[0], Issuer().token())
    server.terminate()
    assert server.wait() == 0
    assert "stopped" in server.log.read_text()


def test_the_other_transport_answers_the_same(start) -> None:
    server = start(AUTHZ_TRANSPORT="grpcio", AUTHZ_REDIS_MODE="lookup")
    token = Issuer().token()
    for endpoint in server.endpoints:
        assert passes(endpoint, token)
        assert not passes(endpoint, Issuer().expired())
    assert metrics(server)["ok"] == WORKERS
    assert metrics(server)["ext_authz_redis_lookup_duration_seconds_count"] == WORKERS
    server.terminate()
    assert server.wait() == 0


def test_ctrl_c_reaches_all_of_them_and_ends_in_order(start) -> None:
    server = start()
    for process in [psutil.Process(server.process.pid), *processes(server)]:
        process.send_signal(signal.SIGINT)
    assert server.wait() == 0
    assert "Traceback" not in server.log.read_text()


def test_workers_do_not_outlive_the_one_that_started_them(start) -> None:
    server = start()
    workers = processes(server)
    server.kill()
    gone, alive = psutil.wait_procs(workers, timeout=30)
    assert (len(gone), alive) == (WORKERS, [])


def test_workers_may_share_a_port(start) -> None:
    port = free_port()
    server = start(AUTHZ_GRPC_ADDR=f"127.0.0.1:{port}", AUTHZ_WORKER_LISTEN="reuseport")
    token = Issuer().token()
    for _ in range(20):
        assert passes(f"127.0.0.1:{port}", token)
    processes(server)[0].kill()
    eventually(lambda: all(answers(f"127.0.0.1:{port}", token) for _ in range(10)))


def ports_in_a_row(count: int) -> int:
    """The first of so many free ports."""
    while True:
        first = free_port()
        with ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    stack.enter_context(socket.create_server(("127.0.0.1", port)))
            except (OSError, OverflowError):
                continue
            return first


def test_workers_may_have_ports_in_a_row(start) -> None:
    port = ports_in_a_row(WORKERS)
    server = start(AUTHZ_GRPC_ADDR=f"127.0.0.1:{port}")
    for number in range(WORKERS):
        assert passes(f"127.0.0.1:{port + number}", Issuer().token())
    assert server.get("/readyz")[0] == 200


async def test_a_worker_that_hangs_is_killed(
    store: Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "HUNG_SECONDS", 2.0)
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.05)
    set_environment(monkeypatch, store, "127.0.0.1:0")
    memory = Memory(1)
    supervisor = Supervisor(memory, drain_seconds=1.0)
    stop = asyncio.Event()
    running = asyncio.create_task(supervisor.run(stop))
    await becomes(lambda: supervisor.faults() == [])
    os.kill(supervisor._processes[0].pid, signal.SIGSTOP)
    await becomes(lambda: supervisor.faults() == ["worker 0 is not ready"])
    await becomes(lambda: memory.of(0)[READY])
    assert [record.message for record in caplog.records][:2] == [
        "a worker hangs and is killed",
        "a worker has ended and is started again",
    ]
    stop.set()
    await running
    assert supervisor.faults() == ["stopping"]


async def test_a_worker_that_cannot_start_at_all_ends_the_others(store: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:  # which is the second worker's
        set_environment(monkeypatch, store, f"127.0.0.1:{taken.getsockname()[1] - 1}")
        supervisor = Supervisor(Memory(2), drain_seconds=1.0)
        with pytest.raises(OSError, match="a worker cannot start"):
            await supervisor.run(asyncio.Event())
        assert not supervisor._processes


async def test_a_worker_that_cannot_start_again_is_tried_again_and_named(
    store: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        set_environment(monkeypatch, store, f"127.0.0.1:{taken.getsockname()[1]}")
        memory = Memory(1)
        supervisor = Supervisor(memory, drain_seconds=1.0)
        supervisor._begun = True  # it was there before
        stop = asyncio.Event()
        running = asyncio.create_task(supervisor.run(stop))
        restarts = module.PLACES[module.WORKER_RESTARTS]
        await becomes(lambda: memory.of(0)[restarts] >= 2)
        assert supervisor.faults() == ["worker 0 is not ready"]
    await becomes(lambda: supervisor.faults() == [])
    stop.set()
    await running


async def test_a_worker_that_does_not_end_is_killed(store: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 0.1)
    set_environment(monkeypatch, store, "127.0.0.1:0")
    supervisor = Supervisor(Memory(1), drain_seconds=0.1)
    stop = asyncio.Event()
    running = asyncio.create_task(supervisor.run(stop))
    await becomes(lambda: supervisor.faults() == [])
    os.kill(supervisor._processes[0].pid, signal.SIGSTOP)
    stop.set()
    await asyncio.wait_for(running, 30)
    assert supervisor._processes == {}


def set_environment(monkeypatch: pytest.MonkeyPatch, store: Redis, address: str) -> None:
    for name, value in {**SETTINGS, "REDIS_URL": store.url, "AUTHZ_GRPC_ADDR": address}.items():
        monkeypatch.setenv(name, value)
