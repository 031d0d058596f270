"""What is decided about."""

from dataclasses import dataclass


@dataclass(slots=True)
class Request:
    """One HTTP request as Envoy describes it. Text as it was sent; absent parts are empty.

    Not frozen, since setting a frozen object's fields costs more than reading the message it comes from.
    """

    method: str = ""
    path: str = ""
    """Path and query."""
    host: str = ""
    request_id: str = ""
    """By which Envoy's access log tells it from others."""
    authorization: tuple[str, ...] = ()
    """The value of each Authorization header."""
    cookies: tuple[str, ...] = ()
    """The value of each Cookie header."""
