"""The HTTP client against a server that answers what real API servers answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from eco2_operator import kube
from eco2_operator.errors import (
    ChildError,
    Conflict,
    Forbidden,
    KindMissing,
    NamespaceGone,
    NodePortTaken,
    Rejected,
    SettingsError,
    Unavailable,
)
from eco2_operator.failures import Expired, ManagerConflict, Paused, failure
from eco2_operator.kinds import DEPLOYMENT, SECRET, SERVICE
from eco2_operator.kube import Client, Connection, Page
from eco2_operator.naming import Manifest

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


async def test_of_an_object_the_metadata_alone_can_be_asked_for(server: ApiServer, client: Client) -> None:
    missing = status(404, "NotFound", 'secrets "tls" not found', name="tls", kind="secrets")
    server.answers = [reply(200, {"metadata": {"name": "tls"}}), reply(404, missing)]
    assert await client.metadata(SECRET, "gate", "tls") == {"metadata": {"name": "tls"}}
    request = server.requests[0]
    assert (request.method, request.path) == ("GET", "/api/v1/namespaces/gate/secrets/tls")
    assert request.headers["Accept"].startswith("application/json;as=PartialObjectMetadata;")
    assert await client.metadata(SECRET, "gate", "tls") is None


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


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
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


async def test_a_login_that_fails_later_on_is_tried_again_and_ends_nothing(server: ApiServer) -> None:
    logins = [None, SettingsError("cannot log in: the kubeconfig is just being written"), None]

    async def login() -> Connection:
        error = logins.pop(0)
        if error is not None:
            raise error
        return await server.login()

    client = Client(login, timeout=5)
    server.answers = [reply(401), reply(200, SERVICE_BODY)]
    with pytest.raises(Unavailable, match="the kubeconfig is just being written"):
        await get(client)
    assert await get(client) == SERVICE_BODY
    await client.close()


async def test_no_more_requests_than_allowed_are_under_way_at_once(server: ApiServer) -> None:
    present, most = 0, 0

    async def slow(_: web.Request) -> web.StreamResponse:
        nonlocal present, most
        present += 1
        most = max(most, present)
        await asyncio.sleep(0.01)
        present -= 1
        return reply(200, SERVICE_BODY)

    client = Client(server.login, timeout=5, connections=3)
    server.answers = [slow] * 12
    await asyncio.gather(*(get(client) for _ in range(12)))
    assert most == 3
    await client.close()


async def test_requests_that_waited_for_their_turn_respect_a_pause_asked_for_meanwhile(server: ApiServer) -> None:
    client = Client(server.login, timeout=5, connections=1)
    server.answers = [reply(429, Retry_After="7"), reply(200, SERVICE_BODY), reply(200, SERVICE_BODY)]
    answers = await asyncio.gather(*(get(client) for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable, Paused, Paused]
    assert len(server.requests) == 1
    await client.close()


SELECTOR = "app.kubernetes.io/managed-by=eco2-operator"


def item(name: str, version: str = "7", **rest: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop", "resourceVersion": version}, **rest}


async def listed(client: Client, namespace: str = "") -> list[Page]:
    return [page async for page in client.pages(DEPLOYMENT, namespace, SELECTOR)]


async def test_whole_objects_are_listed_page_by_page_and_know_what_they_are(server: ApiServer, client: Client) -> None:
    server.answers = [
        reply(200, {"metadata": {"continue": "more", "resourceVersion": "7"}, "items": [item("a"), item("b")]}),
        reply(200, {"metadata": {"resourceVersion": "7"}, "items": [item("c", spec={"replicas": 2})]}),
    ]
    known = {"apiVersion": "apps/v1", "kind": "Deployment"}
    assert await listed(client) == [
        Page([{**item("a"), **known}, {**item("b"), **known}], "7"),
        Page([{**item("c", spec={"replicas": 2}), **known}], "7"),
    ]
    first, second = server.requests
    assert first.path == second.path == "/apis/apps/v1/deployments"
    assert dict(first.query) == {"labelSelector": SELECTOR, "limit": "100"}
    assert dict(second.query) == {"labelSelector": SELECTOR, "limit": "100", "continue": "more"}
    assert first.headers["Accept"] == "application/json"


async def test_pages_of_one_namespace_are_asked_for_there_and_an_empty_list_is_one_page(
    server: ApiServer, client: Client
) -> None:
    server.answers = [reply(200, {"metadata": {"resourceVersion": "7"}, "items": None})]
    assert await listed(client, "shop") == [Page([], "7")]
    assert server.requests[0].path == "/apis/apps/v1/namespaces/shop/deployments"


async def test_a_list_that_expires_between_its_pages_is_an_error_of_its_own(server: ApiServer, client: Client) -> None:
    server.answers = [
        reply(200, {"metadata": {"continue": "more", "resourceVersion": "7"}, "items": [item("a")]}),
        reply(410, status(410, "Expired", "The provided continue parameter is too old")),
    ]
    with pytest.raises(Expired, match="continue parameter is too old"):
        await listed(client)


def event(type_: str, obj: Any) -> bytes:
    return orjson.dumps({"type": type_, "object": obj}) + b"\n"


def streaming(*chunks: bytes, then: str = "end") -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A watch that sends these chunks, then ends, breaks off or falls silent."""

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
            await asyncio.sleep(0)
        if then == "break":
            assert request.transport is not None
            request.transport.close()
        elif then == "silence":
            await asyncio.sleep(1)
        return response

    return stream


class Watch:
    """What a watch has delivered so far."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.seen: list[tuple[str, Manifest]] = []

    async def run(self, namespace: str = "", version: str = "7") -> list[tuple[str, Manifest]]:
        async for change in self._client.changes(DEPLOYMENT, namespace, SELECTOR, version):
            self.seen.append(change)
        return self.seen


@pytest.fixture
def watch(client: Client) -> Watch:
    return Watch(client)


async def test_changes_come_as_the_server_tells_them_until_it_ends_the_watch(server: ApiServer, watch: Watch) -> None:
    told = [("ADDED", item("a", "8")), ("BOOKMARK", {"metadata": {"resourceVersion": "9"}}), ("DELETED", item("a"))]
    server.answers = [streaming(*(event(*change) for change in told))]
    assert await watch.run() == told
    request = server.requests[0]
    assert (request.method, request.path) == ("GET", "/apis/apps/v1/deployments")
    assert dict(request.query) == {
        "watch": "1",
        "allowWatchBookmarks": "true",
        "labelSelector": SELECTOR,
        "resourceVersion": "7",
        "timeoutSeconds": "290",
    }
    assert request.headers["Authorization"] == "Bearer token-1"
    assert request.headers["User-Agent"] == "eco2-operator"


async def test_one_namespace_is_watched_alone(server: ApiServer, watch: Watch) -> None:
    server.answers = [streaming()]
    assert await watch.run("shop") == []
    assert server.requests[0].path == "/apis/apps/v1/namespaces/shop/deployments"


async def test_lines_are_put_together_however_they_are_cut(server: ApiServer, watch: Watch) -> None:
    whole = event("ADDED", item("a", "8")) + event("MODIFIED", item("a", "9")) + event("DELETED", item("a", "10"))
    server.answers = [streaming(*(whole[at : at + 7] for at in range(0, len(whole), 7))), streaming(whole)]
    for _ in range(2):
        await watch.run()
        assert [obj["metadata"]["resourceVersion"] for _, obj in watch.seen] == ["8", "9", "10"]
        watch.seen.clear()


async def test_an_object_of_megabytes_is_one_change(server: ApiServer, watch: Watch) -> None:
    huge = item("a", "8", data={"x": "y" * 3_000_000})
    sent = event("ADDED", huge) + event("MODIFIED", item("b", "9"))
    server.answers = [streaming(*(sent[at : at + 65_536] for at in range(0, len(sent), 65_536)))]
    assert await watch.run() == [("ADDED", huge), ("MODIFIED", item("b", "9"))]


@pytest.mark.parametrize("cut", [1, 20, -1])
async def test_a_last_line_that_was_cut_off_is_not_delivered(server: ApiServer, watch: Watch, cut: int) -> None:
    server.answers = [streaming(event("ADDED", item("a", "8")), event("MODIFIED", item("a", "9"))[:cut])]
    assert await watch.run() == [("ADDED", item("a", "8"))]


async def test_a_watch_that_breaks_off_is_unavailable_after_what_came_whole(server: ApiServer, watch: Watch) -> None:
    server.answers = [streaming(event("ADDED", item("a", "8")), b'{"type": "MODI', then="break")]
    with pytest.raises(Unavailable, match="watch of deployments: broken off"):
        await watch.run()
    assert watch.seen == [("ADDED", item("a", "8"))]


@pytest.mark.parametrize("began", [True, False])
async def test_a_silent_watch_is_broken_off(
    server: ApiServer, watch: Watch, monkeypatch: pytest.MonkeyPatch, *, began: bool
) -> None:
    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(1)
        return reply(200)

    monkeypatch.setattr(kube, "_SILENCE_SECONDS", 0.05)
    server.answers = [streaming(event("ADDED", item("a", "8")), then="silence") if began else hang]
    with pytest.raises(Unavailable, match="watch of deployments: broken off"):
        await watch.run()
    assert len(watch.seen) == began


async def test_a_watch_may_last_longer_than_a_request(server: ApiServer) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for version in ("8", "9", "10"):
            await asyncio.sleep(0.05)
            await response.write(event("MODIFIED", item("a", version)))
        return response

    client = Client(server.login, timeout=0.1, connections=1)
    server.answers = [slow]
    assert len(await Watch(client).run()) == 3
    await client.close()


async def until(true: Callable[[], bool]) -> None:
    for _ in range(5000):
        if true():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it has not happened")


async def test_watches_take_no_turn_from_requests(server: ApiServer) -> None:
    client = Client(server.login, timeout=5, connections=1)
    server.answers = [streaming(then="silence"), streaming(then="silence"), reply(200, SERVICE_BODY)]
    watches = [asyncio.create_task(Watch(client).run()) for _ in range(2)]
    await until(lambda: len(server.requests) == 2)
    assert await asyncio.wait_for(get(client), 0.5) == SERVICE_BODY
    for task in watches:
        task.cancel()
    await asyncio.gather(*watches, return_exceptions=True)
    await client.close()


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_version_the_server_has_forgotten_is_told_from_other_errors(
    server: ApiServer, watch: Watch, *, streamed: bool
) -> None:
    gone = status(410, "Expired", "too old resource version: 7 (90)")
    server.answers = [streaming(event("ADDED", item("a", "8")), event("ERROR", gone)) if streamed else reply(410, gone)]
    with pytest.raises(Expired, match="too old resource version"):
        await watch.run()
    assert len(watch.seen) == streamed


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (status(500, "InternalError", "etcd is not well"), Unavailable),
        (status(403, "Forbidden", "not any more"), Forbidden),
        ({"kind": "Status", "message": "without a code"}, Unavailable),
    ],
)
async def test_an_error_within_the_stream_is_an_error(
    server: ApiServer, watch: Watch, told: Any, expected: type[ChildError]
) -> None:
    server.answers = [streaming(event("ERROR", told), event("ADDED", item("a", "8")))]
    with pytest.raises(expected, match=told["message"]):
        await watch.run()
    assert watch.seen == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (reply(403, status(403, "Forbidden", "cannot watch")), Forbidden),
        (web.Response(status=404, text="404 page not found\n"), KindMissing),
        (reply(503), Unavailable),
        (web.Response(status=502, text="bad gateway"), Unavailable),
        (reply(400, status(400, "BadRequest", "invalid version")), Rejected),
    ],
)
async def test_a_watch_that_is_refused_says_why(
    server: ApiServer, watch: Watch, answer: web.Response, expected: type[ChildError]
) -> None:
    server.answers = [answer]
    with pytest.raises(expected, match="watch of deployments"):
        await watch.run()


async def test_a_watch_refused_for_its_login_logs_in_anew_at_the_next_attempt(server: ApiServer, watch: Watch) -> None:
    server.answers = [reply(401, status(401, "Unauthorized", "Unauthorized")), streaming()]
    with pytest.raises(Unavailable, match="401"):
        await watch.run()
    assert await watch.run() == []
    assert [r.headers["Authorization"] for r in server.requests] == ["Bearer token-1", "Bearer token-2"]


async def test_watches_refused_together_log_in_once(server: ApiServer, client: Client) -> None:
    async def refused(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.01)
        return reply(401)

    server.answers = [refused] * 8
    await asyncio.gather(*(Watch(client).run() for _ in range(8)), return_exceptions=True)
    server.answers = [streaming() for _ in range(8)]
    await asyncio.gather(*(Watch(client).run() for _ in range(8)))
    assert server.logins == 2


async def test_a_watch_asks_for_and_respects_the_pause_like_any_request(
    server: ApiServer, client: Client, watch: Watch
) -> None:
    server.answers = [reply(429, status(429, "TooManyRequests", "too many"), Retry_After="7")]
    with pytest.raises(Unavailable) as first:
        await watch.run()
    assert first.value.retry_after == 7
    for attempt in (get(client), watch.run()):
        with pytest.raises(Unavailable, match="asked to wait 7 s more") as later:
            await attempt
        assert later.value.retry_after == pytest.approx(7, abs=1)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "line",
    [
        b"<html>proxy</html>",
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"type": "ADDED"}',
        b'{"object": {"metadata": {}}}',
        b'{"type": "ADDED", "object": null}',
        b'{"type": "ADDED", "object": {"kind": "Deployment"}}',
    ],
)
async def test_a_line_that_is_no_change_breaks_the_watch_off(server: ApiServer, watch: Watch, line: bytes) -> None:
    server.answers = [streaming(event("ADDED", item("a", "8")), line + b"\n", event("ADDED", item("b", "9")))]
    with pytest.raises(Unavailable, match="watch of deployments: broken off"):
        await watch.run()
    assert watch.seen == [("ADDED", item("a", "8"))]


async def test_a_watch_of_a_server_that_is_not_there_is_unavailable(unused_tcp_port: int) -> None:
    async def login() -> Connection:
        return Connection(f"http://127.0.0.1:{unused_tcp_port}", {}, None)

    client = Client(login, timeout=5)
    with pytest.raises(Unavailable, match="watch of deployments: broken off"):
        await Watch(client).run()
    await client.close()


async def test_a_watch_that_is_cancelled_closes_its_connection(server: ApiServer, client: Client) -> None:
    server.answers = [streaming(event("ADDED", item("a", "8")), then="silence")]
    watch = Watch(client)
    task = asyncio.create_task(watch.run())
    await until(lambda: bool(watch.seen))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert client._session is not None
    assert client._session.connector is not None
    assert not client._session.connector._acquired  # type: ignore[attr-defined]


# -- what may be written, and logs ---------------------------------------------------------------------------------


async def test_without_the_lease_nothing_is_written_and_everything_may_be_read(server: ApiServer) -> None:
    holds = [True]
    client = Client(server.login, timeout=5, may_write=lambda: holds[0])
    server.answers = [reply(200, SERVICE_BODY) for _ in range(3)]
    await client.apply(SERVICE, SERVICE_BODY)
    holds[0] = False
    writes: list[Callable[[], Awaitable[Any]]] = [
        lambda: client.apply(SERVICE, SERVICE_BODY),
        lambda: client.create(SERVICE, SERVICE_BODY),
        lambda: client.delete(SERVICE, "shop", "scan", uid="u"),
    ]
    for write in writes:
        with pytest.raises(Unavailable, match="does not hold the Lease"):
            await write()
    assert await get(client) == SERVICE_BODY
    holds[0] = True
    await client.apply(SERVICE, SERVICE_BODY)
    assert [request.method for request in server.requests] == ["PATCH", "GET", "PATCH"]
    await client.close()


async def test_the_lease_is_asked_for_right_before_the_request_and_not_when_it_was_queued(server: ApiServer) -> None:
    holds = [True]
    client = Client(server.login, timeout=5, connections=1, may_write=lambda: holds[0])

    async def slow(_: web.Request) -> web.Response:
        holds[0] = False  # lost while the second write waits for the one connection
        return reply(200, SERVICE_BODY)

    server.answers = [slow]
    first, second = await asyncio.gather(
        client.apply(SERVICE, SERVICE_BODY), client.apply(SERVICE, SERVICE_BODY), return_exceptions=True
    )
    assert first == SERVICE_BODY
    assert isinstance(second, Unavailable)
    assert len(server.requests) == 1
    await client.close()


async def test_the_lease_is_asked_for_again_after_a_new_login(server: ApiServer) -> None:
    holds = iter([True, False])
    client = Client(server.login, timeout=5, may_write=lambda: next(holds))
    server.answers = [reply(401)]
    with pytest.raises(Unavailable, match="does not hold the Lease"):
        await client.apply(SERVICE, SERVICE_BODY)
    await client.close()


def text(body: bytes, code: int = 200) -> web.Response:
    return web.Response(status=code, body=body, content_type="text/plain")


async def test_the_last_lines_of_a_container_are_read(server: ApiServer, client: Client) -> None:
    server.answers = [text("eins\nzwei ü\n".encode())]
    assert await client.log_tail("shop", "scan-1", "migrate") == "eins\nzwei ü\n"
    (request,) = server.requests
    assert request.path == "/api/v1/namespaces/shop/pods/scan-1/log"
    assert dict(request.query) == {"container": "migrate", "tailLines": "20", "limitBytes": "8192"}


@pytest.mark.parametrize("code", [400, 404])
async def test_a_container_that_never_started_or_is_gone_has_written_nothing(
    server: ApiServer, client: Client, code: int
) -> None:
    server.answers = [reply(code, status(code, "BadRequest", "waiting to start", name="scan-1"))]
    assert await client.log_tail("shop", "scan-1", "migrate") == ""


async def test_what_is_no_text_is_read_all_the_same(server: ApiServer, client: Client) -> None:
    server.answers = [text(b"a\xffb\n")]
    assert await client.log_tail("shop", "scan-1", "migrate") == "a\ufffdb\n"


async def test_a_line_that_was_cut_off_at_the_limit_is_dropped(server: ApiServer, client: Client) -> None:
    server.answers = [text(b"whole\n" + b"x" * 8186), text(b"x" * 8192), text(b"whole\n" + b"x" * 8185)]
    assert await client.log_tail("shop", "scan-1", "migrate") == "whole\n"
    assert await client.log_tail("shop", "scan-1", "migrate") == ""
    assert len(await client.log_tail("shop", "scan-1", "migrate")) == 8191


@pytest.mark.parametrize(("code", "error"), [(403, Forbidden), (500, Unavailable), (502, Unavailable)])
async def test_a_log_that_is_refused_is_an_error(
    server: ApiServer, client: Client, code: int, error: type[ChildError]
) -> None:
    server.answers = [reply(code, status(code, "x", "kubelet is not there"))]
    with pytest.raises(error, match="log of Pod shop/scan-1"):
        await client.log_tail("shop", "scan-1", "migrate")


async def test_a_kubelet_that_never_answers_is_not_waited_for_long(
    server: ApiServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube, "_LOG_SECONDS", 0.05)

    async def silent(_: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return text(b"")

    server.answers = [silent]
    with pytest.raises(Unavailable, match="not there after"):
        await client.log_tail("shop", "scan-1", "migrate")
