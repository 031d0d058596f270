"""Both servers below one address, and what a test outside of the process may do.

POST   /v1/responses, GET /v1/models, GET /v1/models/{model}      OpenAI
POST   /computervision/imageanalysis:analyze                      Azure AI Vision
POST   /_control    {"next": [{"status": 429, "retry_after": 1}, ...]}   what goes wrong; see eco2_model_server.troubles
DELETE /_control    all goes well, what hangs goes on, and nothing was asked
GET    /_requests   what was asked
GET    /_picture/{item}?tags=a,b&size=256&variant=0   a picture that is recognised as that item
"""

from dataclasses import dataclass, field
from itertools import count

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from eco2_model_server.endpoints import AzureEndpoints, OpenAIEndpoints
from eco2_model_server.pictures import picture
from eco2_model_server.records import Records
from eco2_model_server.troubles import Script, parse


@dataclass(frozen=True)
class World:
    """The application and what it knows."""

    app: Starlette
    script: Script = field(default_factory=Script)
    records: Records = field(default_factory=Records)


def create_world() -> World:
    """Make it."""
    script, records = Script(), Records()
    openai, azure = OpenAIEndpoints(script, records, count(1)), AzureEndpoints(script, records)
    control = _Control(script, records)
    routes = [
        Route("/v1/responses", openai.create, methods=["POST"]),
        Route("/v1/models", openai.models),
        Route("/v1/models/{model}", openai.model),
        Route("/computervision/imageanalysis:analyze", azure.analyze, methods=["POST"]),
        Route("/_control", control.write, methods=["POST"]),
        Route("/_control", control.reset, methods=["DELETE"]),
        Route("/_requests", control.requests),
        Route("/_picture/{item}", _picture),
        Route("/health", _health),
    ]
    return World(Starlette(routes=routes), script, records)


class _Control:
    def __init__(self, script: Script, records: Records) -> None:
        self._script, self._records = script, records

    async def write(self, request: Request) -> Response:
        try:
            wanted = orjson.loads(await request.body())
            troubles = [parse(trouble) for trouble in wanted["next"]]
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            return JSONResponse({"detail": str(error)}, 422)
        self._script.add(troubles)
        return Response(status_code=204)

    async def reset(self, _: Request) -> Response:
        self._script.clear()
        self._records.clear()
        return Response(status_code=204)

    async def requests(self, _: Request) -> Response:
        return JSONResponse({"requests": [record.json() for record in self._records.all()]})


async def _picture(request: Request) -> Response:
    query = request.query_params
    tags = [tag for tag in query.get("tags", "").split(",") if tag]
    try:
        size, variant = int(query.get("size", "256")), int(query.get("variant", "0"))
        content = picture(request.path_params["item"], tags=tags, size=min(size, 4096), variant=variant)
    except ValueError as error:
        return JSONResponse({"detail": str(error)}, 422)
    return Response(content, media_type="image/jpeg")


async def _health(_: Request) -> Response:
    return PlainTextResponse("ok")
