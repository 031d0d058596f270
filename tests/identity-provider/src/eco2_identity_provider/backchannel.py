"""The endpoints that a relying party calls by itself: every call is written down, and may be made to fail."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from eco2_identity_provider.realm import Call, Realm
from eco2_identity_provider.troubles import Endpoint, Fault

Parameters = dict[str, str]
Answer = Callable[[Request, Parameters], Awaitable[Response]]
_PAUSE: Final = 0.02
_HUGE: Final = 4 * 1024 * 1024


def backchannel(
    realm: Realm, path: str, endpoint: Endpoint, answer: Answer, *, methods: Sequence[str] = ("GET",)
) -> Route:
    """A route for one endpoint of a provider."""

    async def handle(request: Request) -> Response:
        parameters = await _parameters(request)
        realm.calls.append(Call(endpoint, request.method, parameters, dict(request.headers)))
        fault = realm.script.faults.get(endpoint)
        if fault is None:
            return await answer(request, parameters)
        if fault is Fault.SLOW:
            await _hold(realm, endpoint, request)
        return _failure(realm, endpoint, fault)

    return Route(path, handle, methods=list(methods))


def bearer(request: Request) -> str | None:
    """The access token of the request (RFC 6750 section 2.1)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else None


async def _parameters(request: Request) -> Parameters:
    parameters = dict(request.query_params)
    if request.method == "POST":
        async with request.form() as form:
            parameters |= {name: value for name, value in form.items() if isinstance(value, str)}
    return parameters


async def _hold(realm: Realm, endpoint: Endpoint, request: Request) -> None:
    # The script is rewritten by another thread: there is no event to wait for.
    while realm.script.faults.get(endpoint) is Fault.SLOW and not await request.is_disconnected():  # noqa: ASYNC110
        await asyncio.sleep(_PAUSE)


async def _drip(realm: Realm, endpoint: Endpoint) -> AsyncIterator[bytes]:
    yield b"{"
    while realm.script.faults.get(endpoint) is Fault.DRIP:
        await asyncio.sleep(_PAUSE)
        yield b" "
    yield b"}"


def _failure(realm: Realm, endpoint: Endpoint, fault: Fault) -> Response:
    if fault is Fault.DRIP:
        return StreamingResponse(_drip(realm, endpoint), media_type="application/json")
    if fault is Fault.COMPRESSED:
        body = gzip.compress(b'{"pad":"' + b" " * _HUGE + b'"}')
        return Response(body, media_type="application/json", headers={"content-encoding": "gzip"})
    answers: dict[Fault, Callable[[], Response]] = {
        Fault.SLOW: lambda: JSONResponse({}, 503),
        Fault.DOWN: lambda: HTMLResponse("<h1>500</h1>", 500),
        Fault.THROTTLED: lambda: JSONResponse({"error": "rate_limit_exceeded"}, 429, {"retry-after": "60"}),
        Fault.GARBAGE: lambda: PlainTextResponse("access_token=none"),
        Fault.LIST: lambda: JSONResponse([]),
        Fault.EMPTY: lambda: JSONResponse({}),
        Fault.HUGE: lambda: JSONResponse({"pad": "x" * _HUGE}),
        Fault.MOVED: lambda: Response(status_code=302, headers={"location": "/elsewhere"}),
    }
    return answers[fault]()
