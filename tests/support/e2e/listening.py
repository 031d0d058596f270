"""Accepts connections on many ports, and repeats datagrams.

Its source is run as it is in pods and containers: their images have Python and little else.
"""

import fcntl
import json
import signal
import socket
import struct
import sys
import threading
from collections.abc import Sequence
from typing import Any

SIOCSIFADDR = 0x8916
"""netdevice(7): gives an interface an address."""


def listen(tcp: Sequence[int], udp: Sequence[int]) -> None:
    """Until SIGTERM."""
    threads = [threading.Thread(target=_accept, args=(_bound(socket.SOCK_STREAM, port),), daemon=True) for port in tcp]
    threads += [threading.Thread(target=_repeat, args=(_bound(socket.SOCK_DGRAM, port),), daemon=True) for port in udp]
    for thread in threads:
        thread.start()
    # The first process of a container is not ended by a signal it does not know.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        return


def answer_to(addresses: Sequence[str]) -> None:
    """Have more addresses on the loopback interface (CAP_NET_ADMIN)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for index, address in enumerate(addresses):
            wanted = struct.pack("16sHH4s8x", f"lo:{index}".encode(), socket.AF_INET, 0, socket.inet_aton(address))
            fcntl.ioctl(control, SIOCSIFADDR, wanted)


def _bound(kind: int, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, kind)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("0.0.0.0", port))  # noqa: S104  as servers in pods do
    return made


def _accept(server: socket.socket) -> None:
    server.listen()
    while True:
        connection, _ = server.accept()
        connection.close()


def _repeat(server: socket.socket) -> None:
    while True:
        said, sender = server.recvfrom(4096)
        server.sendto(said, sender)


if __name__ == "__main__":
    wanted: dict[str, Any] = json.loads(sys.argv[1])
    answer_to(wanted.get("addresses", ()))
    listen(wanted.get("tcp", ()), wanted.get("udp", ()))
