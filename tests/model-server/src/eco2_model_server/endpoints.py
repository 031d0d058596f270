"""What is answered over HTTP, and what goes wrong on the way."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from eco2_model_server import azure
from eco2_model_server.answers import answer
from eco2_model_server.asked import Asked, parse
from eco2_model_server.events import DELTA_TYPES, encoded, events
from eco2_model_server.records import Record, Records
from eco2_model_server.refusals import AzureRefused, Refused
from eco2_model_server.responses import CREATED_AT, Output, response, tokens
from eco2_model_server.troubles import Script, Trouble

MODELS: Final = ("gpt-5", "gpt-5-mini", "gpt-5.1", "gpt-4.1", "gpt-4o-mini")
_PAUSE: Final = 0.01
_NOBODY: Final = 499
"""For a client that does not wait for it."""
_CODES: Final = {
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    403: (
        "invalid_request_error",
        "unsupported_country_region_territory",
        "Country, region, or territory not supported",
    ),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests. Please try again later."),
    500: ("server_error", None, "The server had an error while processing your request. Sorry about that!"),
    503: ("service_unavailable_error", None, "The engine is currently overloaded, please try again later."),
}
"""Of errors on demand: type, code and message."""
_PAGE: Final = "<html><body><h1>502 Bad Gateway</h1></body></html>"


class Cut(Exception):
    """On demand: the server then closes the connection, without the end of the chunks."""


class OpenAIEndpoints:
    """`POST /v1/responses` and the list of models."""

    def __init__(self, script: Script, records: Records, numbers: Iterator[int]) -> None:
        self._script, self._records, self._numbers = script, records, numbers

    async def create(self, request: Request) -> Response:
        """One answer."""
        record = self._records.add(Record("openai", request.url.path))
        try:
            _check_bearer(request)
            asked = parse(_json(await request.body()))
        except Refused as refused:
            record.outcome, record.status = "refused", refused.status
            return refused.response()
        _describe(record, asked)
        trouble = self._script.take(
            api="openai", stream=asked.stream, schema=asked.schema_name, image=bool(asked.images)
        )
        return await _Run(self._script, record, trouble, request).answer(asked, next(self._numbers))

    async def models(self, request: Request) -> Response:
        """All."""
        try:
            _check_bearer(request)
        except Refused as refused:
            return refused.response()
        return JSONResponse({"object": "list", "data": [_model(name) for name in MODELS]})

    async def model(self, request: Request) -> Response:
        """One."""
        name = request.path_params["model"]
        try:
            _check_bearer(request)
            if name not in MODELS:
                raise Refused(f"The model '{name}' does not exist", "model", "model_not_found", 404)
        except Refused as refused:
            return refused.response()
        return JSONResponse(_model(name))


class AzureEndpoints:
    """Image analysis."""

    def __init__(self, script: Script, records: Records) -> None:
        self._script, self._records = script, records

    async def analyze(self, request: Request) -> Response:
        """One picture."""
        record = self._records.add(Record("azure", request.url.path, body=dict(request.query_params)))
        try:
            azure.check_key(request.headers.get("ocp-apim-subscription-key"))
            content = await request.body()
            trouble = self._script.take(api="azure", stream=False, schema="", image=True)
            if (wrong := await _Run(self._script, record, trouble, request).instead()) is not None:
                return wrong
            result = azure.analyze(request.query_params, request.headers.get("content-type", ""), content)
        except AzureRefused as refused:
            record.outcome, record.status = "refused", refused.status
            return refused.response()
        record.outcome, record.status = "answered", 200
        return JSONResponse(result)


class _Run:
    """One request, with what goes wrong."""

    def __init__(self, script: Script, record: Record, trouble: Trouble, request: Request) -> None:
        self._script, self._record, self._trouble, self._request = script, record, trouble, request
        self._version = script.version

    async def instead(self) -> Response | None:
        """What is answered in place of the model's words, after what comes before any answer."""
        trouble, record = self._trouble, self._record
        if trouble.hang and not await self._released():
            return Response(status_code=_NOBODY)
        if trouble.not_json:
            record.outcome, record.status = "failed", 200
            return HTMLResponse(_PAGE)
        if trouble.status is not None:
            record.outcome, record.status = "failed", trouble.status
            return self._error(trouble.status)
        return None

    async def answer(self, asked: Asked, number: int) -> Response:
        """The model's answer."""
        if (wrong := await self.instead()) is not None:
            return wrong
        output = _output(asked, self._trouble)
        self._record.status = 200
        if asked.stream:
            return _Stream(self._record, self._stream(asked, output, number), media_type="text/event-stream")
        await asyncio.sleep(self._trouble.slow_seconds_per_event)
        self._record.outcome = "answered"
        return JSONResponse(response(asked, output, number, done=True))

    async def _stream(self, asked: Asked, output: Output, number: int) -> AsyncIterator[bytes]:
        trouble, pieces = self._trouble, 0
        for event in events(asked, output, number, error_event=trouble.error_event):
            await asyncio.sleep(trouble.slow_seconds_per_event)
            yield encoded(event)
            pieces += event["type"] in DELTA_TYPES
            if trouble.cut_stream and pieces == int(trouble.cut_stream):
                self._record.outcome = "failed"
                raise Cut
            if pieces == trouble.hang_after and event["type"] in DELTA_TYPES:
                await self._released()  # the response is cancelled when its reader leaves
        self._record.outcome = "answered"

    async def _released(self) -> bool:
        """Wait until the troubles are cleared; False: the client went away before."""
        # Whoever clears them may be another thread: there is no event to wait for.
        while self._script.version == self._version:
            if await self._request.is_disconnected():
                self._record.outcome = "left"
                return False
            await asyncio.sleep(_PAUSE)
        return True

    def _error(self, status: int) -> Response:
        trouble = self._trouble
        if self._record.api == "azure":
            return AzureRefused(trouble.code or str(status), "On demand", status, None, trouble.retry_after).response()
        kind, code, message = _CODES.get(status, ("invalid_request_error", None, "Bad request"))
        return Refused(message, None, trouble.code or code, status, kind, trouble.retry_after).response()


class _Stream(StreamingResponse):
    """Knows of a client that goes away."""

    def __init__(self, record: Record, content: AsyncIterator[bytes], *, media_type: str) -> None:
        super().__init__(content, media_type=media_type)
        self._record = record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self._record.outcome == "pending":
                self._record.outcome = "left"


def _check_bearer(request: Request) -> None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        message = (
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer "
            "auth (i.e. Authorization: Bearer YOUR_KEY)."
        )
        raise Refused(message, status=401)
    if key.startswith("invalid"):
        raise Refused("Incorrect API key provided.", code="invalid_api_key", status=401)


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _describe(record: Record, asked: Asked) -> None:
    record.model, record.stream, record.schema = asked.model, asked.stream, asked.schema_name
    record.texts = [message.text for message in asked.said]
    record.images, record.body = asked.image_digests, asked.shown


def _output(asked: Asked, trouble: Trouble) -> Output:
    if trouble.failed:
        return Output("", failed=trouble.failed)
    if trouble.refusal is not None:
        return Output(trouble.refusal, refusal=True)
    if isinstance(trouble.output, dict):
        text = orjson.dumps(trouble.output).decode()
    else:
        text = answer(asked) if trouble.output is None else trouble.output
    if trouble.malformed or trouble.incomplete:
        text = text[: len(text) // 2] if asked.schema is None else text[:-1]
    limit = asked.max_output_tokens
    if limit is not None and tokens(text) > limit and trouble.incomplete is None:
        return Output(text[: 2 * limit], incomplete="max_output_tokens")
    return Output(text, incomplete=trouble.incomplete)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED_AT, "owned_by": "openai"}
