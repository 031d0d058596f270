"""The application behind the HTTP/2 connections: unary gRPC methods by path."""

import asyncio
import logging
from asyncio import Future
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from eco2_authz.http2.application import Call, Response
from eco2_authz.http2.request import Head
from eco2_authz.rpc import timeout
from eco2_authz.rpc.status import PREFIX, Status, failure, no_grpc, success

Outcome = bytes | Response
"""A message, or how the call failed."""

_GRPC: Final = (b"application/grpc", b"application/grpc+proto")
_IDENTITY: Final = b"identity"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Method:
    """One method.

    Args:
        handle: from the request's message to the answer, at once or later.
        too_large: the answer to a request that is larger than any may be.
        broken: the answer when `handle` raises, or gives up before its caller does.
    """

    handle: Callable[[bytes], Outcome | Awaitable[Outcome]]
    too_large: Callable[[], Outcome] = lambda: failure(Status.RESOURCE_EXHAUSTED, "the message is too large")
    broken: Callable[[], Outcome] = lambda: failure(Status.INTERNAL, "the server is at fault")


class UnaryCall:
    """A call of a method; the same for all requests with the same head."""

    __slots__ = ("_handle", "_method", "_timeout", "content_length")
    prompt = None

    def __init__(self, method: Method, content_length: int | None, seconds: float | None) -> None:
        self.content_length = content_length
        self._handle = method.handle
        self._method = method
        self._timeout = seconds

    def answer(self, body: bytes) -> Response | Awaitable[Response]:
        """Take the message out of the body, and the answer into one."""
        if len(body) < PREFIX.size:
            return failure(Status.INTERNAL, "the request ends within its message")
        compressed, size = PREFIX.unpack_from(body)
        if compressed:
            return failure(Status.UNIMPLEMENTED, "compressed messages are not accepted")
        if size != len(body) - PREFIX.size:
            return failure(Status.INTERNAL, "the request is not one whole message")
        try:
            outcome = self._handle(body[PREFIX.size :])
        except Exception as error:
            return self._broken(error)
        if isinstance(outcome, bytes):
            return success(outcome)
        if isinstance(outcome, Response):
            return outcome
        return self._later(outcome)

    def too_large(self) -> Response:
        """The answer when the body has taken all the room there is, and has not ended."""
        return _response(self._method.too_large())

    def _later(self, outcome: Awaitable[Outcome]) -> "Future[Response] | Response":
        """By callbacks: a task for each call that waits would cost more than the rest of it."""
        try:
            waited = asyncio.ensure_future(outcome)
        except TypeError as error:
            return self._broken(error)
        answer: Future[Response] = waited.get_loop().create_future()
        timer = None if self._timeout is None else waited.get_loop().call_later(self._timeout, _expire, answer)

        def told(waited: "Future[Outcome]") -> None:
            if not answer.done():
                answer.set_result(self._told(waited))

        def ended(_: "Future[Response]") -> None:
            if timer is not None:
                timer.cancel()
            waited.cancel()  # nobody waits for it any more; nothing happens if it is done

        waited.add_done_callback(told)
        answer.add_done_callback(ended)
        return answer

    def _told(self, waited: "Future[Outcome]") -> Response:
        if waited.cancelled():  # what the answer was made of was cancelled: its caller still waits
            return self._broken(asyncio.CancelledError())
        error = waited.exception()
        return _response(waited.result()) if error is None else self._broken(error)

    def _broken(self, error: BaseException) -> Response:
        """A caller that hears nothing would wait, and the other calls of its connection have done nothing wrong."""
        _log.error("a call could not be answered", exc_info=error)
        return _response(self._method.broken())


class Refusal:
    """A call nobody can answer.

    Its caller is told at once, when it speaks gRPC: it may be one that keeps its request open, to send more messages.
    """

    __slots__ = ("_response", "content_length", "prompt")

    def __init__(self, response: Response, content_length: int | None) -> None:
        self.content_length = content_length
        self.prompt = None if response.body else response
        self._response = response

    def answer(self, _: bytes) -> Response:
        """The same whatever the body is."""
        return self._response

    def too_large(self) -> Response:
        """The same here."""
        return self._response


class UnaryMethods:
    """Methods by path, such as ``/package.Service/Method``."""

    def __init__(self, methods: Mapping[str, Method]) -> None:
        self._methods = {path.encode(): method for path, method in methods.items()}

    def call(self, head: Head) -> Call:
        """Who answers a request: its method, or a refusal."""
        refusal = self._refusal(head)
        if refusal is not None:
            return Refusal(refusal, head.content_length)
        method = self._methods.get(head.path)
        if method is None:
            return Refusal(failure(Status.UNIMPLEMENTED, "no such method here"), head.content_length)
        if head.fields.get(b"grpc-encoding", _IDENTITY) != _IDENTITY:
            refusal = failure(Status.UNIMPLEMENTED, "compressed messages are not accepted")
            return Refusal(refusal, head.content_length)
        value = head.fields.get(b"grpc-timeout")
        try:
            seconds = None if value is None else timeout.parse(value)
        except ValueError as error:
            return Refusal(failure(Status.INTERNAL, str(error)), head.content_length)
        return UnaryCall(method, head.content_length, seconds)

    @staticmethod
    def _refusal(head: Head) -> Response | None:
        """What is no gRPC."""
        if head.fields.get(b"content-type", b"").partition(b";")[0].strip() not in _GRPC:
            return no_grpc(415, "this server speaks gRPC: POST, content-type application/grpc")
        if head.method != b"POST":
            return no_grpc(405, "gRPC calls are POST")
        return None


def _response(outcome: Outcome) -> Response:
    return success(outcome) if isinstance(outcome, bytes) else outcome


def _expire(answer: "Future[Response]") -> None:
    if not answer.done():
        answer.set_result(failure(Status.DEADLINE_EXCEEDED, "the caller's time is over"))
