"""One call that is not answered yet, or whose answer waits for room."""

from collections.abc import Callable

from eco2_authz.http2.application import Call, Response


class Stream:
    """State of a stream between its first frame and the end of our answer.

    Args:
        call: who answers.
        window: octets the peer takes on this stream.
        since: monotonic seconds.
    """

    __slots__ = ("body", "call", "cancel", "ended", "response", "sent", "since", "taken", "window")

    def __init__(self, call: Call, window: int, since: float) -> None:
        self.call = call
        self.window = window
        self.since = since
        """When it began; once there is an answer, since when that waits for room."""
        self.body = bytearray()
        self.taken = 0
        """Octets of flow control that the body takes so far."""
        self.ended = False
        """The peer has said all."""
        self.cancel: Callable[[], object] | None = None
        """Gives up the answer that is being worked on."""
        self.response: Response | None = None
        """The answer that waits for room; its headers are sent."""
        self.sent = 0
        """Octets of its body that are sent."""
