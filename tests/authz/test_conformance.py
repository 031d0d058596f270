"""Both transports with clients that others have written: h2spec, grpcio, grpc-go; each a process of its own."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import grpc
import pytest
from envoy.service.auth.v3.external_auth_pb2 import CheckResponse
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from support.authz import go_clients
from support.authz.differences.targets import TARGETS
from support.authz.go_clients import Failed
from support.authz.http2_process import ServerProcess, serving

from eco2_authz.transports.server import CHECK, CHECK_SERVICE
from eco2_testcluster.certs import Authority

REQUEST = {"attributes": {"request": {"http": {"method": "GET", "path": "/orders", "headers": {"a": "b"}}}}}
LEAST_CASES = 145
"""Of h2spec's suites generic, http2 and hpack."""


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("fast")) as server:
        yield server


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("grpcio"), transport="grpcio") as server:
        yield server


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return go_clients.protoset(tmp_path_factory.mktemp("definitions") / "services.protoset")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    authority = Authority.create("test-ca")
    authority.pair.save(folder, "ca")
    authority.issue("server", hosts=("127.0.0.1", "localhost"), client=False).save(folder, "server")
    authority.issue("client").save(folder, "client")
    Authority.create("other-ca").issue("client").save(folder, "stranger")
    return folder


def user(answer: dict[str, Any]) -> str:
    """Whom an answer in JSON lets pass."""
    name: str = answer["ok_response"]["headers"][0]["header"]["value"]
    return name


# -- HTTP/2 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strict", [False, True], ids=["usual", "strict"])
def test_h2spec(fast: ServerProcess, tmp_path: Path, strict: bool) -> None:
    suites = ("generic", "http2", "hpack")
    results = go_clients.h2spec(fast.host, fast.port, *suites, report=tmp_path / "report.xml", strict=strict)
    assert {name: result for name, result in results.items() if result != "passed"} == {}
    assert len(results) >= LEAST_CASES
    assert fast.log.read_text() == ""


# -- grpcio ----------------------------------------------------------------------------------------------------------


def questions(count: int) -> list[bytes]:
    """CheckRequests of every kind, also such as are none."""
    random = Random(5)  # noqa: S311 - the same every time
    return [TARGETS["requests"].make(random)[0] for _ in range(count)]


def test_both_transports_give_the_same_answers(fast: ServerProcess, reference: ServerProcess) -> None:
    asked = [b"\x0a" + message if message[:1] != b"\x0a" else message for message in questions(500)]
    answers = []
    for server in (fast, reference):
        with grpc.insecure_channel(server.address) as channel:
            check = channel.unary_unary(CHECK)
            answers.append([check(message) for message in asked])
    assert answers[0] == answers[1]
    kinds = [CheckResponse.FromString(answer).WhichOneof("http_response") for answer in answers[0]]
    assert kinds.count("ok_response") > 100
    assert kinds.count("denied_response") > 20


@pytest.mark.parametrize("transport", ["fast", "reference"])
async def test_many_calls_of_the_asynchronous_client(transport: str, request: pytest.FixtureRequest) -> None:
    server: ServerProcess = request.getfixturevalue(transport)
    asked = [b"late %d" % number if number % 3 else b"question %d" % number for number in range(1_000)]
    async with grpc.aio.insecure_channel(server.address) as channel:
        check = channel.unary_unary(CHECK)
        calls = [check(message, timeout=30) for message in asked]
        assert [await call for call in calls] == asked


@pytest.mark.parametrize("transport", ["fast", "reference"])
def test_every_end_of_a_call(transport: str, request: pytest.FixtureRequest) -> None:
    server: ServerProcess = request.getfixturevalue(transport)
    with grpc.insecure_channel(server.address) as channel:
        check = channel.unary_unary(CHECK)
        assert check(b"raise") == b"broken"
        assert check(b"raise late") == b"broken"
        assert check(bytes(300_000)) == b"too large"
        assert check(b"large 500000") == bytes(500_000)
        with pytest.raises(grpc.RpcError) as late:
            check(b"hang", timeout=0.2)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        with pytest.raises(grpc.RpcError) as unknown:
            channel.unary_unary(f"/{CHECK_SERVICE}/Other")(b"")
        assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED
        health = HealthStub(channel)
        for service in ("", CHECK_SERVICE):
            assert health.Check(HealthCheckRequest(service=service)).status == HealthCheckResponse.SERVING
        with pytest.raises(grpc.RpcError) as nobody:
            health.Check(HealthCheckRequest(service="other"))
        assert nobody.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_call_that_its_caller_cancels_is_given_up(fast: ServerProcess) -> None:
    with grpc.insecure_channel(fast.address) as channel:
        call = channel.unary_unary(CHECK).future(b"hang")
        call.cancel()
        assert channel.unary_unary(CHECK)(b"question") == b"question"
    assert fast.state()["hanging"] == 0


# -- Go --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["fast", "reference"])
def test_a_load_of_grpc_go(transport: str, definitions: Path, request: pytest.FixtureRequest) -> None:
    server: ServerProcess = request.getfixturevalue(transport)
    options = ("--insecure", "--protoset", definitions)
    report = go_clients.ghz(server.address, REQUEST, *options, calls=2_000, connections=4)
    assert report["count"] == 2_000
    assert report["statusCodeDistribution"] == {"OK": 2_000}
    assert not report.get("errorDistribution")


def test_grpcurl_with_definitions(fast: ServerProcess, definitions: Path) -> None:
    options = ("-plaintext", "-protoset", definitions)
    assert user(go_clients.grpcurl(fast.address, go_clients.CHECK, REQUEST, *options)) == "/orders"
    assert go_clients.grpcurl(fast.address, go_clients.HEALTH, {}, *options) == {"status": "SERVING"}
    with pytest.raises(Failed, match="does not support the reflection API"):  # said at once, to a call that stays open
        go_clients.services(fast.address, "-plaintext")


def test_grpcurl_by_reflection(reference: ServerProcess) -> None:
    assert {CHECK_SERVICE, "grpc.health.v1.Health"} <= set(go_clients.services(reference.address, "-plaintext"))
    assert user(go_clients.grpcurl(reference.address, go_clients.CHECK, REQUEST, "-plaintext")) == "/orders"


# -- TLS -------------------------------------------------------------------------------------------------------------


def secure(server: ServerProcess, certificates: Path, client: str | None = None) -> grpc.Channel:
    authority = (certificates / "ca.crt").read_bytes()
    pair = [(certificates / f"{client}.{kind}").read_bytes() for kind in ("key", "crt")] if client else [None, None]
    return grpc.secure_channel(server.address, grpc.ssl_channel_credentials(authority, *pair))


def tls(certificates: Path, **more: Path) -> dict[str, str]:
    files = {"certificate": certificates / "server.crt", "key": certificates / "server.key", **more}
    return {name: str(path) for name, path in files.items()}


def test_tls(tmp_path: Path, certificates: Path) -> None:
    with serving(tmp_path, transport="grpcio", tls=tls(certificates)) as server:
        with secure(server, certificates) as channel:
            assert channel.unary_unary(CHECK)(b"question") == b"question"
        found = go_clients.grpcurl(server.address, go_clients.CHECK, REQUEST, "-cacert", certificates / "ca.crt")
        assert user(found) == "/orders"
        with grpc.insecure_channel(server.address) as channel, pytest.raises(grpc.RpcError):
            channel.unary_unary(CHECK)(b"question", timeout=5)


def test_callers_may_have_to_show_a_certificate(tmp_path: Path, certificates: Path) -> None:
    options = tls(certificates, client_authority=certificates / "ca.crt")
    with serving(tmp_path, transport="grpcio", tls=options) as server:
        with secure(server, certificates, "client") as channel:
            assert channel.unary_unary(CHECK)(b"question") == b"question"
        for stranger in (None, "stranger"):
            with secure(server, certificates, stranger) as channel, pytest.raises(grpc.RpcError) as refused:
                channel.unary_unary(CHECK)(b"question", timeout=5)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
