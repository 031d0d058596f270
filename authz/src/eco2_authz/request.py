"""What is decided about."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Request:
    """One HTTP request as Envoy describes it. Text as it was sent; absent parts are empty.

    Not frozen, since setting a frozen object's fields costs more than reading the message it comes from. Whatever may
    hold a token is left out when it is shown: also what reports a fault of ours may be read by many.
    """

    method: str = ""
    path: str = field(default="", repr=False)
    """Path and query."""
    host: str = ""
    request_id: str = ""
    """By which Envoy's access log tells it from others."""
    authorization: tuple[str, ...] = field(default=(), repr=False)
    """The value of each Authorization header."""
    cookies: tuple[str, ...] = field(default=(), repr=False)
    """The value of each Cookie header."""
