"""The real moto server, with SSM in it, on a free port of this machine; and what a test may have go wrong with it."""

import http.client
import io
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

REGION = "ap-northeast-2"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Refuses = Callable[[list[str]], bool]


@dataclass
class Fault:
    """What answers instead of moto."""

    code: str
    message: str = ""
    status: int = 400
    times: int | None = None
    """Requests it answers; None: all of them."""
    about: Refuses = lambda names: True
    """Which requests, by the names of their parameters."""
    silent: threading.Event | None = None
    """Until this is set it says nothing at all."""


@dataclass(frozen=True)
class Request:
    """One GetParameters."""

    names: list[str]
    region: str


class _Counting:
    """A WSGI application in front of moto: notes each GetParameters, and answers it with the fault of the moment."""

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self.requests: list[Request] = []
        self.fault: Fault | None = None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not str(environ.get("HTTP_X_AMZ_TARGET", "")).endswith(".GetParameters"):
            return self._moto(environ, start_response)  # type: ignore[no-any-return]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        names = json.loads(body)["Names"]
        self.requests.append(Request(names, environ["HTTP_AUTHORIZATION"].split("/")[2]))
        fault = self.fault
        if fault is None or fault.times == 0 or not fault.about(names):
            return self._moto(environ, start_response)  # type: ignore[no-any-return]
        if fault.times is not None:
            fault.times -= 1
        if fault.silent is not None:
            fault.silent.wait(60)
        answer = json.dumps({"__type": fault.code, "message": fault.message}).encode()
        headers = [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(answer)))]
        start_response(f"{fault.status} Fault", headers)
        return [answer]


@dataclass
class Moto:
    """A running moto server."""

    url: str
    app: _Counting = field(repr=False)

    @property
    def environ(self) -> dict[str, str]:
        """The variables by which boto3 finds it."""
        return {"AWS_ENDPOINT_URL": self.url, "AWS_DEFAULT_REGION": REGION, **CREDENTIALS}

    @property
    def requests(self) -> list[Request]:
        """Every GetParameters so far."""
        return self.app.requests

    def put(self, name: str, value: str, *, secure: bool = True, region: str = REGION) -> None:
        """Create a parameter, or give it a new version."""
        with self._client(region) as client:
            client.put_parameter(
                Name=name, Value=value, Type="SecureString" if secure else "String", Overwrite=True, Tier="Advanced"
            )

    def delete(self, name: str, *, region: str = REGION) -> None:
        """Delete a parameter."""
        with self._client(region) as client:
            client.delete_parameter(Name=name)

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[Fault]:
        """Have it answer GetParameters with a fault."""
        self.app.fault = fault
        try:
            yield fault
        finally:
            if fault.silent is not None:
                fault.silent.set()
            self.app.fault = None

    def reset(self) -> None:
        """Forget every parameter and request."""
        place = urlsplit(self.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=10)
        connection.request("POST", "/moto-api/reset")
        assert connection.getresponse().status == 200
        connection.close()
        self.app.requests.clear()
        self.app.fault = None

    @contextmanager
    def _client(self, region: str) -> Iterator[Any]:
        client = boto3.client(
            "ssm",
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )
        try:
            yield client
        finally:
            client.close()


@contextmanager
def moto() -> Iterator[Moto]:
    """Starts one; it ends with the block."""
    app = _Counting()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, name="moto", daemon=True)
    thread.start()
    try:
        yield Moto(f"http://127.0.0.1:{server.server_port}", app)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
