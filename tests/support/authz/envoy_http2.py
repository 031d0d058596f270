"""The client before Envoy, in HTTP/2: field by field as a test writes them, also such as no library would."""

import socket
from collections.abc import Sequence
from contextlib import closing

from hpack import Decoder, Encoder
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, RstStreamFrame, SettingsFrame
from support.authz.envoy_client import SECONDS, Reply

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_STREAM = 1
_HEAD = 9

Fields = Sequence[tuple[str, str]]


def exchange(address: str, fields: Fields) -> Reply:
    """Send one request without a body; status 0 when it was refused by the protocol's own means."""
    host, _, port = address.rpartition(":")
    block = Encoder().encode(
        [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields], huffman=False
    )
    request = HeadersFrame(_STREAM, block, flags=["END_HEADERS", "END_STREAM"])
    with closing(socket.create_connection((host, int(port)), timeout=SECONDS)) as connection:
        connection.sendall(PREFACE + SettingsFrame(0).serialize() + request.serialize())
        return _answer(connection)


def _answer(connection: socket.socket) -> Reply:
    decoder, body = Decoder(), b""
    fields: tuple[tuple[str, str], ...] = ()
    while (frame := _frame(connection)) is not None:
        if isinstance(frame, GoAwayFrame) or (isinstance(frame, RstStreamFrame) and frame.stream_id == _STREAM):
            break
        if isinstance(frame, HeadersFrame):
            fields = tuple((str(name), str(value)) for name, value in decoder.decode(frame.data))
        if isinstance(frame, DataFrame):
            body += frame.data
        if isinstance(frame, HeadersFrame | DataFrame) and "END_STREAM" in frame.flags:
            break
    status = next((int(value) for name, value in fields if name == ":status"), 0)
    return Reply(status, fields, body)


def _frame(connection: socket.socket) -> Frame | None:
    """The next frame; None when the connection was closed."""
    head = _octets(connection, _HEAD)
    if head is None:
        return None
    frame, size = Frame.parse_frame_header(memoryview(head))
    payload = _octets(connection, size)
    if payload is None:
        return None
    frame.parse_body(memoryview(payload))
    return frame


def _octets(connection: socket.socket, count: int) -> bytes | None:
    found = b""
    while len(found) < count:
        try:
            more = connection.recv(count - len(found))
        except ConnectionResetError:
            return None
        if not more:
            return None
        found += more
    return found
