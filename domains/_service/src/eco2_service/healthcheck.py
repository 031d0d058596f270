"""Asks the process in this container whether it lives: HEALTHCHECK of the image. Standard library only.

Exit code 0 when /health answers 200, else 1. In Kubernetes the kubelet asks itself.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException

SECONDS = 2.0


def is_healthy(host: str, port: int) -> bool:
    """Whether a service answers there. An address that means all of them is asked on the loopback."""
    connection = HTTPConnection({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port, timeout=SECONDS)  # noqa: S104
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not is_healthy(os.environ.get("LISTEN_HOST") or "0.0.0.0", int(os.environ.get("LISTEN_PORT") or 8000)))  # noqa: S104
