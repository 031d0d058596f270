"""The HTTP client against a server that answers what real API servers answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from eco2_operator.errors import (
    ChildError,
    Conflict,
    Forbidden,
    KindMissing,
    NamespaceGone,
    NodePortTaken,
    Rejected,
    Unavailable,
)
from eco2_operator.kinds import DEPLOYMENT, SERVICE
from eco2_operator.kube import Client, Connection, ManagerConflict, failure

Answer = web.Response | Callable[[web.Request], Awaitable[web.StreamResponse]]
SERVICE_BODY = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "scan", "namespace": "shop"}}


def status(code: int, reason: str, message: str, **details: Any) -> dict[str, Any]:
    """A ``metav1.Status`` as the API server writes it."""
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return {**body, "message": message, "reason": reason, "details": details, "code": code}


def reply(code: int, body: Any = None, **headers: str) -> web.Response:
    return web.Response(
        status=code,
        body=orjson.dumps(body if body is not None else {}),
        content_type="application/json",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


class ApiServer:
    """Answers from a script; notes every request."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.logins = 0
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        answer = self.answers.pop(0)
        return answer if isinstance(answer, web.Response) else await answer(request)

    async def login(self) -> Connection:
        self.logins += 1
        return Connection(self.url, {"Authorization": f"Bearer token-{self.logins}"}, None)


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    api = ApiServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.answer)
    async with TestServer(app) as running:
        api.url = str(running.make_url("")).rstrip("/")
        yield api


@pytest.fixture
async def client(server: ApiServer) -> AsyncIterator[Client]:
    made = Client(server.login, timeout=5)
    yield made
    await made.close()


async def get(client: Client) -> Any:
    return await client.get(SERVICE, "shop", "scan")


async def test_an_object_is_read(server: ApiServer, client: Client) -> None:
    server.answers = [reply(200, SERVICE_BODY)]
    assert await get(client) == SERVICE_BODY
    request = server.requests[0]
    assert (request.method, request.path) == ("GET", "/api/v1/namespaces/shop/services/scan")
    assert request.headers["Authorization"] == "Bearer token-1"
    assert request.headers["User-Agent"] == "eco2-operator"


async def test_an_object_that_does_not_exist_is_none(server: ApiServer, client: Client) -> None:
    server.answers = [reply(404, status(404, "NotFound", 'services "scan" not found', name="scan", kind="services"))]
    assert await get(client) is None


async def test_a_kind_that_is_not_served_is_an_error_and_not_an_absent_object(
    server: ApiServer, client: Client
) -> None:
    server.answers = [web.Response(status=404, text="404 page not found\n")]
    with pytest.raises(KindMissing, match="does not serve v1 Service"):
        await get(client)


async def test_an_apply_names_its_manager_and_refuses_unknown_fields(server: ApiServer, client: Client) -> None:
    server.answers = [reply(200, SERVICE_BODY) for _ in range(2)]
    await client.apply(SERVICE, SERVICE_BODY)
    await client.apply(SERVICE, SERVICE_BODY, manager="other", force=True, subresource="status")
    first, second = server.requests
    assert (first.method, first.path) == ("PATCH", "/api/v1/namespaces/shop/services/scan")
    assert first.headers["Content-Type"] == "application/apply-patch+yaml"
    assert dict(first.query) == {"fieldManager": "eco2-operator", "fieldValidation": "Strict"}
    assert orjson.loads(server.bodies[0]) == SERVICE_BODY
    assert second.path == "/api/v1/namespaces/shop/services/scan/status"
    assert dict(second.query) == {"fieldManager": "other", "fieldValidation": "Strict", "force": "true"}


async def test_a_deletion_names_the_uid_and_an_absent_object_is_deleted_already(
    server: ApiServer, client: Client
) -> None:
    server.answers = [reply(200), reply(404, status(404, "NotFound", "not found", name="scan"))]
    await client.delete(SERVICE, "shop", "scan", uid="u1")
    await client.delete(SERVICE, "shop", "scan", uid="u1")
    assert server.requests[0].method == "DELETE"
    assert orjson.loads(server.bodies[0]) == {"preconditions": {"uid": "u1"}, "propagationPolicy": "Background"}


async def test_an_object_is_created(server: ApiServer, client: Client) -> None:
    server.answers = [reply(201, SERVICE_BODY)]
    assert await client.create(SERVICE, SERVICE_BODY) == SERVICE_BODY
    assert (server.requests[0].method, server.requests[0].path) == ("POST", "/api/v1/namespaces/shop/services")


async def test_a_list_is_read_page_by_page_as_metadata_only(server: ApiServer, client: Client) -> None:
    server.answers = [
        reply(200, {"metadata": {"continue": "more", "resourceVersion": "7"}, "items": [{"metadata": {"name": "a"}}]}),
        reply(200, {"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "b"}}]}),
    ]
    items, version = await client.list_metadata(DEPLOYMENT, "", "app=scan")
    assert ([item["metadata"]["name"] for item in items], version) == (["a", "b"], "7")
    assert server.requests[0].path == "/apis/apps/v1/deployments"
    assert "PartialObjectMetadataList" in server.requests[0].headers["Accept"]
    assert dict(server.requests[0].query) == {"labelSelector": "app=scan", "limit": "500"}
    assert server.requests[1].query["continue"] == "more"


async def test_an_empty_list_has_no_items(server: ApiServer, client: Client) -> None:
    server.answers = [reply(200, {"metadata": {}, "items": None})]
    assert await client.list_metadata(SERVICE, "shop", "") == ([], "")


async def test_after_401_it_logs_in_again_and_sends_the_request_once_more(server: ApiServer, client: Client) -> None:
    server.answers = [reply(401, status(401, "Unauthorized", "Unauthorized")), reply(200, SERVICE_BODY)]
    assert await get(client) == SERVICE_BODY
    assert [r.headers["Authorization"] for r in server.requests] == ["Bearer token-1", "Bearer token-2"]


async def test_a_second_401_in_a_row_is_an_error(server: ApiServer, client: Client) -> None:
    server.answers = [reply(401) for _ in range(2)]
    with pytest.raises(Unavailable, match="401"):
        await get(client)
    assert len(server.requests) == 2


async def test_many_requests_survive_a_token_that_expires_under_them(server: ApiServer, client: Client) -> None:
    async def checked(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.01)
        fresh = request.headers["Authorization"] != "Bearer token-1"
        return reply(200, SERVICE_BODY) if fresh else reply(401)

    server.answers = [checked] * 100
    answers = await asyncio.gather(*(get(client) for _ in range(16)))
    assert answers == [SERVICE_BODY] * 16
    assert server.logins == 2


def test_a_missing_permission_and_a_used_up_quota_keep_the_servers_words() -> None:
    rbac = 'services "scan" is forbidden: User "x" cannot patch resource "services" in API group ""'
    quota = 'services "scan" is forbidden: exceeded quota: q, requested: services=1, used: services=5, limited: 5'
    for message in (rbac, quota):
        error = fail(403, status(403, "Forbidden", message, name="scan", kind="services"))
        assert type(error) is Forbidden
        assert message in str(error)
        assert error.retryable


def test_a_terminating_namespace_is_gone_though_the_server_says_forbidden() -> None:
    causes = [{"reason": "NamespaceTerminating", "message": "namespace shop is being terminated"}]
    error = fail(403, status(403, "Forbidden", "unable to create", name="scan", causes=causes))
    assert type(error) is NamespaceGone


def fail(code: int, body: Any, **rest: Any) -> ChildError:
    return failure(code, body, what="Service shop/scan", kind=SERVICE, **rest)


def test_a_missing_namespace_is_told_from_a_missing_kind() -> None:
    body = status(404, "NotFound", 'namespaces "shop" not found', name="shop", kind="namespaces")
    assert type(fail(404, body)) is NamespaceGone
    missing = status(404, "NotFound", "the server could not find the requested resource")
    assert type(fail(404, missing)) is KindMissing
    assert type(fail(404, {})) is KindMissing


def test_a_conflict_between_managers_names_them_and_the_fields() -> None:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "kubectl-edit" using apps/v1 at 2026-11-22T10:00:00Z',
            "field": ".spec.replicas",
        },
        {"reason": "FieldManagerConflict", "message": "conflict with nobody", "field": ".spec.paused"},
        {"reason": "Other", "message": "irrelevant"},
    ]
    error = fail(409, status(409, "Conflict", "Apply failed with 2 conflicts", causes=causes))
    assert isinstance(error, ManagerConflict)
    assert error.fields == (("kubectl-edit", ".spec.replicas"), ("?", ".spec.paused"))
    assert "Apply failed with 2 conflicts" in str(error)


def test_a_replaced_object_is_a_plain_conflict() -> None:
    message = "Operation cannot be fulfilled: Precondition failed: UID in precondition: a, UID in object meta: b"
    assert type(fail(409, status(409, "Conflict", message, name="scan", kind="services"))) is Conflict


def test_a_taken_node_port_is_told_from_other_faults_of_the_object() -> None:
    taken = (
        'Service "scan" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated'
    )
    assert type(fail(422, status(422, "Invalid", taken, name="scan"))) is NodePortTaken
    other = 'Deployment.apps "scan" is invalid: spec.selector: Invalid value: field is immutable'
    error = fail(422, status(422, "Invalid", other, name="scan"))
    assert type(error) is Rejected
    assert "field is immutable" in str(error)


@pytest.mark.parametrize("code", [400, 405, 406, 413, 415])
def test_requests_the_server_does_not_accept_are_rejected(code: int) -> None:
    assert type(fail(code, status(code, "BadRequest", "strict decoding error"))) is Rejected


@pytest.mark.parametrize("code", [408, 410, 429, 500, 502, 503, 504])
def test_what_may_pass_by_itself_is_unavailable(code: int) -> None:
    error = fail(code, {}, retry_after=3.0)
    assert type(error) is Unavailable
    assert error.retry_after == 3.0
    assert f"HTTP {code}" in str(error)


@pytest.mark.parametrize("body", [{"details": None}, {"details": {"causes": None}}, {"message": None}, {}])
@pytest.mark.parametrize("code", [403, 404, 409, 422, 503])
def test_a_body_with_holes_is_still_understood(code: int, body: dict[str, Any]) -> None:
    assert str(fail(code, body))


async def test_after_429_no_request_goes_out_until_the_time_is_up(
    server: ApiServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers = [reply(429, status(429, "TooManyRequests", "too many"), Retry_After="7")]
    with pytest.raises(Unavailable) as first:
        await get(client)
    assert first.value.retry_after == 7
    with pytest.raises(Unavailable, match="asked to wait 7 s more") as second:
        await get(client)
    assert second.value.retry_after == pytest.approx(7, abs=1)
    assert len(server.requests) == 1
    loop = asyncio.get_running_loop()
    later = loop.time() + 7
    monkeypatch.setattr(loop, "time", lambda: later)
    server.answers = [reply(200, SERVICE_BODY)]
    assert await get(client) == SERVICE_BODY


@pytest.mark.parametrize("header", [{}, {"Retry_After": "0"}, {"Retry_After": "Fri, 31 Dec 1999 23:59:59 GMT"}])
async def test_429_without_seconds_leaves_the_wait_to_the_backoff(
    server: ApiServer, client: Client, header: dict[str, str]
) -> None:
    server.answers = [reply(429, **header), reply(200, SERVICE_BODY)]
    with pytest.raises(Unavailable) as caught:
        await get(client)
    assert caught.value.retry_after is None
    assert await get(client) == SERVICE_BODY


async def test_503_with_retry_after_pauses_nobody_else(server: ApiServer, client: Client) -> None:
    server.answers = [reply(503, Retry_After="5"), reply(200, SERVICE_BODY)]
    with pytest.raises(Unavailable) as caught:
        await get(client)
    assert caught.value.retry_after == 5
    assert await get(client) == SERVICE_BODY


async def test_a_server_that_does_not_answer_in_time_is_unavailable(server: ApiServer) -> None:
    released = asyncio.Event()

    async def hang(_: web.Request) -> web.StreamResponse:
        await released.wait()
        return reply(200)

    server.answers = [hang]
    client = Client(server.login, timeout=0.05)
    with pytest.raises(Unavailable, match="no answer"):
        await get(client)
    released.set()
    await client.close()


async def test_a_server_that_is_not_there_is_unavailable(unused_tcp_port: int) -> None:
    async def login() -> Connection:
        return Connection(f"http://127.0.0.1:{unused_tcp_port}", {}, None)

    client = Client(login, timeout=5)
    with pytest.raises(Unavailable, match="GET Service shop/scan: no answer"):
        await get(client)
    await client.close()


async def test_an_answer_that_breaks_off_is_unavailable(server: ApiServer, client: Client) -> None:
    async def break_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"kind": "Serv')
        assert request.transport is not None
        request.transport.close()
        return response

    server.answers = [break_off]
    with pytest.raises(Unavailable):
        await get(client)


@pytest.mark.parametrize("body", [b'{"kind": "Serv', b"", b"<html>proxy</html>", b"[]", b'"ok"', b"null", b"{}"])
async def test_a_200_that_is_no_object_is_unavailable(server: ApiServer, client: Client, body: bytes) -> None:
    server.answers = [web.Response(body=body, content_type="application/json") for _ in range(3)]
    with pytest.raises(Unavailable, match="not a JSON object"):
        await get(client)
    with pytest.raises(Unavailable):
        await client.apply(SERVICE, SERVICE_BODY)
    with pytest.raises(Unavailable):
        await client.list_metadata(SERVICE, "", "")


async def test_a_list_without_metadata_is_unavailable_and_not_an_empty_cluster(
    server: ApiServer, client: Client
) -> None:
    server.answers = [reply(200, {"items": []})]
    with pytest.raises(Unavailable):
        await client.list_metadata(SERVICE, "", "")


async def test_an_error_in_plain_text_or_another_shape_is_understood(server: ApiServer, client: Client) -> None:
    server.answers = [web.Response(status=502, text="bad gateway"), reply(500, ["not", "a", "status"])]
    for code in (502, 500):
        with pytest.raises(Unavailable, match=f"HTTP {code}"):
            await get(client)


async def test_a_closed_client_can_be_closed_again_and_used_again(server: ApiServer, client: Client) -> None:
    await client.close()
    await client.close()
    server.answers = [reply(200, SERVICE_BODY)]
    assert await get(client) == SERVICE_BODY
