"""Knocks at many addresses at once, and says what came of each.

Its source is also run as it is in pods: their images have Python and little else.
"""

import json
import socket
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

AT_ONCE = 48
MOST = 65_536
"""Octets of an answer that are read."""


def knock_all(targets: Sequence[dict[str, Any]], seconds: float) -> list[list[str]]:
    """What came of each target, and what it answered, in their order."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda target: knock(target, seconds), targets))


def knock(target: dict[str, Any], seconds: float) -> list[str]:
    """Open a connection, and if there is something to say, say it and read what comes back."""
    try:
        return _knock(target["protocol"], (target["host"], target["port"]), target["say"].encode("latin-1"), seconds)
    except socket.gaierror as error:
        return ["name-error", str(error)]
    except ConnectionRefusedError:
        return ["refused", ""]
    except TimeoutError:
        return ["timeout", ""]
    except OSError as error:
        return ["unreachable", str(error)]


def _knock(protocol: str, address: tuple[str, int], said: bytes, seconds: float) -> list[str]:
    if protocol == "udp":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.settimeout(seconds)
            sender.connect(address)
            sender.send(said)
            return ["connected", sender.recv(MOST).decode("latin-1")]
    with socket.create_connection(address, timeout=seconds) as connection:
        return ["connected", _answer(connection, said) if said else ""]


def _answer(connection: socket.socket, said: bytes) -> str:
    """Up to the end of the connection, however it ends: whoever accepts it need not be the one who answers."""
    heard = b""
    try:
        connection.sendall(said)
        while len(heard) < MOST and (more := connection.recv(MOST)):
            heard += more
    except OSError:
        pass
    return heard.decode("latin-1")


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    json.dump(knock_all(asked["targets"], asked["seconds"]), sys.stdout)
