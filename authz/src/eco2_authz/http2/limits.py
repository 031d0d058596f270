"""What one connection, and all together, may cost."""

from dataclasses import dataclass, fields
from typing import Final

from eco2_authz.http2.frames import DEFAULT_WINDOW, LARGEST_WINDOW

FRAME_SIZE: Final = 16_384
"""Octets of a frame's payload: SETTINGS_MAX_FRAME_SIZE, left at its default and least value."""
HEADER_TABLE: Final = 4_096
"""Octets of the decoder's dynamic table: SETTINGS_HEADER_TABLE_SIZE, left at its default."""


@dataclass(frozen=True)
class Limits:
    """Bounds that keep a hostile or broken peer cheap. All sizes in octets, all times in seconds."""

    streams: int = 1_024
    """Calls open at the same time on a connection: SETTINGS_MAX_CONCURRENT_STREAMS."""
    header_block: int = 16_384
    """A header block as it is sent, over all its frames."""
    header_list: int = 16_384
    """A header block as it is meant: SETTINGS_MAX_HEADER_LIST_SIZE."""
    continuations: int = 8
    """CONTINUATION frames of one header block (CVE-2024-27316 and its kin)."""
    body: int = 262_144
    """A request's body, which is also each stream's receive window: it never has to be enlarged."""
    connection_window: int = 1_048_576
    """Bodies that a connection may have begun and not finished."""
    buffered: int = 67_108_864
    """What all connections of the process may hold together: of requests that are not answered (above it new calls are
    refused), and of answers that are not read (above it those who have left most unread are closed)."""
    control_frames: int = 2_000
    """Frames a second that ask nothing (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, DATA of next to nothing, frames of
    streams that have ended, unknown ones), beside four for each call."""
    resets: int = 2_000
    """Calls a second that a peer may begin and cancel (CVE-2023-44487, rapid reset)."""
    handshake: float = 10.0
    """From the connection until the client's preface and SETTINGS."""
    request: float = 10.0
    """From a call's first frame until its last."""
    stalled: float = 10.0
    """How long a peer may read nothing of what we have sent, or leave an answer without the window it needs."""
    unread: int = 1_048_576
    """Octets that may wait to be read by the peer; above it nothing more is taken from it."""
    connections: int = 16_384
    """Connections of a process; further ones are closed at once."""

    def __post_init__(self) -> None:
        """Raises ValueError for bounds that contradict the protocol or each other."""
        for field in fields(self):
            if getattr(self, field.name) <= 0:
                raise ValueError(f"{field.name} has to be above 0")
        # A peer may use the default windows before it has read of ours, and cannot be told of smaller ones in time.
        if not DEFAULT_WINDOW <= self.body <= LARGEST_WINDOW:
            raise ValueError(f"body has to be between {DEFAULT_WINDOW} and {LARGEST_WINDOW}")
        if not max(DEFAULT_WINDOW + 1, self.body) <= self.connection_window <= LARGEST_WINDOW:
            raise ValueError(
                f"connection_window has to be between body (and {DEFAULT_WINDOW + 1}) and {LARGEST_WINDOW}"
            )
        if self.header_block < FRAME_SIZE:
            raise ValueError(f"header_block has to be at least one frame: {FRAME_SIZE}")
