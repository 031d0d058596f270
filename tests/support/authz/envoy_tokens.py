"""Tokens of every kind, and the endpoint that publishes their keys."""

import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from eco2_testcluster.ports import HOST

SECRET: Final = "0123456789abcdef0123456789abcdef"  # noqa: S105  of nothing but the tests
PROVIDER: Final = "kakao"


class Issuer:
    """Signs tokens with one key: HS256 with a secret, RS256 with an RSA key."""

    def __init__(self, key: str | RSAPrivateKey = SECRET, *, kid: str | None = None) -> None:
        self.key = key
        self.kid = kid
        self.algorithm = "HS256" if isinstance(key, str) else "RS256"

    def token(self, subject: str = "user-1", **claims: Any) -> str:
        """A good token, apart from the claims that are given; None leaves one out."""
        now = int(time.time())
        wanted = {
            "sub": subject,
            "provider": PROVIDER,
            "jti": uuid.uuid4().hex,
            "type": "access",
            "iat": now,
            "exp": now + 600,
            **claims,
        }
        present = {name: value for name, value in wanted.items() if value is not None}
        headers = {"kid": self.kid} if self.kid else None
        return jwt.encode(present, self.key, algorithm=self.algorithm, headers=headers)

    def expired(self) -> str:
        """A token of yesterday."""
        return self.token(exp=int(time.time()) - 86_400)

    def forged(self, subject: str = "admin") -> str:
        """A token of somebody else with the same names."""
        other = SECRET[::-1] if isinstance(self.key, str) else generate_private_key(65537, 2048)
        return Issuer(other, kid=self.kid).token(subject)

    def jwks(self) -> str:
        """The public half."""
        assert not isinstance(self.key, str)
        key = {
            **RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True),
            "kid": self.kid,
            "use": "sig",
            "alg": "RS256",
        }
        key.pop("key_ops", None)
        return json.dumps({"keys": [key]})


def rsa(kid: str) -> Issuer:
    """An issuer with a new RSA key."""
    return Issuer(generate_private_key(65537, 2048), kid=kid)


def jti(token: str) -> str:
    """The id of a token."""
    found: str = jwt.decode(token, options={"verify_signature": False})["jti"]
    return found


class KeysEndpoint:
    """Publishes a JWKS at an address that stays the same while it is up, down and up again."""

    def __init__(self, document: str, *, port: int) -> None:
        self.document = document
        self.url = f"http://{HOST}:{port}/.well-known/jwks.json"
        self.asked = 0
        self._port = port
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Answer."""
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                endpoint.asked += 1
                body = endpoint.document.encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Nothing."""

        self._server = ThreadingHTTPServer((HOST, self._port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = self._thread = None
