"""The way in from this machine: one host of the gateway, by HTTPS, through a mapped port."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

ADDRESS = "127.0.0.1"
SECONDS = 10.0


@dataclass(frozen=True)
class FrontDoor:
    """A host and how to reach it."""

    host: str
    port: int
    authority: Path
    """Certificate of who signed the host's own."""

    def get(self, path: str, *, token: str | None = None) -> tuple[int, bytes]:
        """Status and body. Raises OSError (ssl.SSLError among them) when nothing answers."""
        context = ssl.create_default_context(cafile=str(self.authority))
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=SECONDS, context=context)
        plain = socket.create_connection((ADDRESS, self.port), timeout=SECONDS)
        try:
            connection.sock = context.wrap_socket(plain, server_hostname=self.host)
            connection.request("GET", path, headers={"authorization": f"Bearer {token}"} if token else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(f"{self.host}: {error!r}") from error
        finally:
            connection.close()
            plain.close()

    def token(self, path: str) -> str:
        """What the stand-in of auth issues. Raises OSError when it does not."""
        status, body = self.get(path)
        if status != http.client.OK:
            raise ConnectionError(f"{self.url(path)}: {status}")
        return str(json.loads(body)["access_token"])

    def url(self, path: str) -> str:
        """As a browser has it."""
        return f"https://{self.host}{'' if self.port == 443 else f':{self.port}'}{path}"

    def curl(self, path: str, *words: str) -> str:
        """A command line that asks the same."""
        given = f"--cacert {self.authority} --resolve {self.host}:{self.port}:{ADDRESS}"
        # Some shells take a question mark for a pattern.
        return " ".join(["curl", given, *words, f"'{self.url(path)}'"])
