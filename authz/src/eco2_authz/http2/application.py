"""What a connection asks of the program behind it, and gets."""

from collections.abc import Awaitable
from typing import NamedTuple, Protocol

from eco2_authz.http2.request import Head


class Response(NamedTuple):
    """An answer. Header blocks are encoded (`hpack.encoder`): most are the same for every call."""

    headers: bytes
    body: bytes
    trailers: bytes | None
    """None: the response ends with its body, or with its headers when there is none. Else the body is not empty."""


class Call(Protocol):
    """A request whose head is known."""

    @property
    def content_length(self) -> int | None:
        """Octets the body was said to have."""
        ...

    @property
    def prompt(self) -> Response | None:
        """The answer, without a body, when it is known before the request's body is: nobody waits for that then."""
        ...

    def answer(self, body: bytes) -> Response | Awaitable[Response]:
        """Answer the whole request, now or later. Never raises, nor does the awaitable; that may be cancelled."""
        ...

    def too_large(self) -> Response:
        """The answer to a request whose body does not fit."""
        ...


class Application(Protocol):
    """Whatever answers requests."""

    def call(self, head: Head) -> Call:
        """Who answers this request. The same head gets the same answer: it may be remembered."""
        ...
