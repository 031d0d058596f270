"""Unary methods: which requests are calls, and what their callers hear in any case."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from hpack import Decoder

from eco2_authz.http2.application import Response
from eco2_authz.http2.request import Head
from eco2_authz.rpc.status import Status, failure, success
from eco2_authz.rpc.unary import Method, UnaryMethods

PATH = "/package.Service/Method"
BROKEN = failure(Status.INTERNAL, "the server is at fault")


def head(path: str = PATH, method: str = "POST", length: int | None = None, **fields: str) -> Head:
    given = {"content_type": "application/grpc", **fields}
    return Head(
        method.encode(),
        path.encode(),
        {name.replace("_", "-").encode(): value.encode() for name, value in given.items() if value},
        length,
    )


def message(octets: bytes) -> bytes:
    return b"\x00" + len(octets).to_bytes(4, "big") + octets


def answer(handle: Any, body: bytes = message(b"question"), **fields: str) -> Any:
    return UnaryMethods({PATH: Method(handle)}).call(head(**fields)).answer(body)


def outcome(response: Response) -> tuple[str, str]:
    """Status of HTTP and of gRPC."""
    headers = dict(Decoder().decode(response.headers))
    if response.trailers is not None:
        headers |= dict(Decoder().decode(response.trailers))
    return headers[":status"], headers.get("grpc-status", "")


def backwards(octets: bytes) -> bytes:
    return octets[::-1]


# -- which method ----------------------------------------------------------------------------------------------------


def test_a_call() -> None:
    assert answer(backwards) == success(b"noitseuq")
    assert answer(backwards, message(b"")) == success(b"")


@pytest.mark.parametrize("kind", ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"])
def test_content_types(kind: str) -> None:
    assert answer(backwards, content_type=kind) == success(b"noitseuq")


@pytest.mark.parametrize("kind", ["", "application/json", "application/grpc+json", "application/grpc-web", "grpc"])
def test_what_is_no_grpc(kind: str) -> None:
    assert outcome(answer(backwards, content_type=kind)) == ("415", "")


def test_no_post() -> None:
    assert outcome(answer(backwards, method="GET")) == ("405", "")


@pytest.mark.parametrize("path", ["/", "/package.Service/Other", PATH + "/", PATH + "?x", "/package.service/method"])
def test_unknown_methods(path: str) -> None:
    assert outcome(answer(backwards, path=path)) == ("200", "12")


@pytest.mark.parametrize(("encoding", "status"), [("identity", "0"), ("gzip", "12"), ("identity, gzip", "12")])
def test_encodings(encoding: str, status: str) -> None:
    assert outcome(answer(backwards, grpc_encoding=encoding)) == ("200", status)


def test_a_timeout_that_is_none() -> None:
    assert outcome(answer(backwards, grpc_timeout="soon")) == ("200", "13")


@pytest.mark.parametrize("path", [PATH, "/other"])
def test_the_length_that_was_said_is_kept(path: str) -> None:
    assert UnaryMethods({PATH: Method(backwards)}).call(head(path, length=7)).content_length == 7


def test_who_speaks_grpc_and_cannot_be_answered_is_told_so_at_the_head() -> None:
    methods = UnaryMethods({PATH: Method(backwards)})
    for refused in (head("/other"), head(grpc_encoding="gzip"), head(grpc_timeout="soon")):
        call = methods.call(refused)
        assert call.prompt is not None
        assert call.prompt == call.answer(b"")
    for waits in (head(), head(method="GET"), head(content_type="text/plain")):
        assert methods.call(waits).prompt is None


# -- which message ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", "13"),
        (b"\x00\x00\x00\x00", "13"),
        (message(b"question")[:-1], "13"),
        (message(b"question") + b"x", "13"),
        (message(b"question") * 2, "13"),
        (b"\x00\xff\xff\xff\xffx", "13"),
        (b"\x01" + message(b"question")[1:], "12"),
    ],
    ids=["nothing", "prefix cut", "message cut", "more", "two", "4 GB", "compressed"],
)
def test_bodies_that_are_no_message(body: bytes, status: str) -> None:
    assert outcome(answer(backwards, body)) == ("200", status)


def test_too_large() -> None:
    methods = UnaryMethods({PATH: Method(backwards), "/other": Method(backwards, too_large=lambda: b"too large")})
    assert outcome(methods.call(head()).too_large()) == ("200", "8")
    assert methods.call(head("/other")).too_large() == success(b"too large")
    assert outcome(methods.call(head("/unknown")).too_large()) == ("200", "12")


# -- answers ---------------------------------------------------------------------------------------------------------


def test_a_method_may_fail_with_a_status() -> None:
    refusal = failure(Status.NOT_FOUND, "no such thing")
    assert answer(lambda octets: refusal) is refusal


async def test_an_answer_may_take_time() -> None:
    async def later(octets: bytes) -> bytes:
        await asyncio.sleep(0)
        return backwards(octets)

    assert await answer(later) == success(b"noitseuq")
    assert await answer(later, grpc_timeout="1H") == success(b"noitseuq")


async def test_an_answer_that_takes_time_may_be_a_failure() -> None:
    async def later(octets: bytes) -> Response:
        return failure(Status.NOT_FOUND, "no such thing")

    assert await answer(later) == failure(Status.NOT_FOUND, "no such thing")


@pytest.mark.parametrize("given", ["1m", "0S"])
async def test_nobody_is_answered_after_the_time_that_was_given(given: str) -> None:
    cancelled = asyncio.Event()

    async def never(octets: bytes) -> bytes:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return b""

    assert outcome(await answer(never, grpc_timeout=given)) == ("200", "4")
    async with asyncio.timeout(10):
        await cancelled.wait()


# -- faults of ours --------------------------------------------------------------------------------------------------


def raising(error: BaseException) -> Any:
    def handle(octets: bytes) -> bytes:
        raise error

    return handle


def raising_later(error: BaseException) -> Any:
    async def handle(octets: bytes) -> bytes:
        await asyncio.sleep(0)
        raise error

    return handle


def test_a_method_that_raises_has_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    assert answer(raising(RuntimeError("broken"))) == BROKEN
    assert "RuntimeError: broken" in caplog.text


@pytest.mark.parametrize("error", [RuntimeError("broken"), TimeoutError("not the caller's"), asyncio.CancelledError()])
async def test_a_method_that_raises_later_has_an_answer(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    assert await answer(raising_later(error)) == BROKEN
    assert await answer(raising_later(error), grpc_timeout="1H") == BROKEN
    assert type(error).__name__ in caplog.text


async def test_a_future_that_somebody_else_cancels_is_no_reason_to_say_nothing() -> None:
    future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    task = asyncio.ensure_future(answer(lambda octets: future))
    await asyncio.sleep(0)
    future.cancel()
    assert await task == BROKEN


async def test_a_caller_who_is_gone_cancels_the_answer() -> None:
    future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    waiting = answer(lambda octets: future, grpc_timeout="1H")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await future


def test_no_awaitable_and_no_octets_is_a_fault_too() -> None:
    assert answer(lambda octets: None) == BROKEN


def test_a_method_says_itself_what_is_answered_when_it_is_broken() -> None:
    methods = UnaryMethods({PATH: Method(raising(RuntimeError()), broken=lambda: b"denied")})
    assert methods.call(head()).answer(message(b"")) == success(b"denied")


def test_what_ends_the_process_is_not_held_up() -> None:
    with pytest.raises(KeyboardInterrupt):
        answer(raising(KeyboardInterrupt()))


def test_the_answer_is_an_awaitable_only_where_the_methods_is() -> None:
    assert isinstance(answer(backwards), Response)
    assert not isinstance(answer(backwards), Awaitable)
