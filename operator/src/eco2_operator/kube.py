"""The one HTTP client of the operator: the few API calls it makes, and what their failures mean.

Thin on purpose: 300 applications cost this client a fifth of the memory and half of the CPU of the generated one.
It never retries; the work queue does, with back-off. API: https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import aiohttp
import orjson

from eco2_operator import metrics
from eco2_operator.errors import ChildError, NamespaceGone, SettingsError, Unavailable
from eco2_operator.failures import Paused, failure
from eco2_operator.kinds import EVENT, POD, SURROUNDINGS, Kind
from eco2_operator.naming import FIELD_MANAGER, Manifest
from eco2_operator.wire import event, lines, object_of, seconds

_APPLY = "application/apply-patch+yaml"
_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
_PAGE = 100
"""Objects of a page when whole objects are listed: a few hundred KiB at a time."""
_METADATA_PAGE = 500
_WATCH_SECONDS = 290
"""How long one watch lasts; the server ends it."""
_LOG_LINES = 20
_LOG_BYTES = 8192
_LOG_SECONDS = 5.0
_SILENCE_SECONDS = 90
"""A watch that is silent for longer is broken: bookmarks come every minute."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the API server is and how to talk to it."""

    server: str
    headers: Mapping[str, str]
    tls: ssl.SSLContext | None


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list."""

    items: list[Manifest]
    version: str
    """resourceVersion of the whole list."""


class Reader(Protocol):
    """What may be read; it cannot write."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """The object, or None when there is none."""

    async def metadata(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """The object without its contents, or None when there is none."""

    async def list_metadata(self, kind: Kind, namespace: str, selector: str) -> tuple[list[Manifest], str]:
        """Metadata of every object the selector matches, and the resourceVersion of the list."""

    async def log_tail(self, namespace: str, pod: str, container: str) -> str:
        """The last lines a container of a pod has written; empty when there are none any more."""

    async def warnings(self, namespace: str, name: str, reason: str) -> list[str]:
        """Messages of the Events with that reason about the object of that name, oldest first."""


class Writer(Protocol):
    """What may be written."""

    async def apply(
        self,
        kind: Kind,
        manifest: Manifest,
        *,
        manager: str = FIELD_MANAGER,
        force: bool = False,
        subresource: str | None = None,
    ) -> Manifest:
        """Server-side apply. The object as the server stored it."""

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str) -> None:
        """Delete the object of that uid; nothing happens when it is gone already."""

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        """POST a new object."""


class Client:
    """Reader and Writer over aiohttp.

    Args:
        connect: gives the connection; asked again after HTTP 401, because tokens and certificates rotate.
        timeout: seconds for one request.
        user_agent: how the API server's audit log names us.
        connections: requests at the same time, watches aside; a TLS connection takes about 100 KiB.
        may_write: asked right before every write; without the Lease nothing may go out.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        *,
        timeout: float,
        user_agent: str = FIELD_MANAGER,
        connections: int = 8,
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        self._may_write = may_write
        self._connect = connect
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._user_agent = user_agent
        self._connection: Connection | None = None
        self._logging_in = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(connections)
        self._resume_at = 0.0

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """See `Reader.get`."""
        return await self._find(kind, namespace, name, "application/json")

    async def metadata(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """See `Reader.metadata`."""
        return await self._find(kind, namespace, name, _METADATA)

    async def _find(self, kind: Kind, namespace: str, name: str, accept: str) -> Manifest | None:
        what, path = f"{kind.name} {namespace}/{name}", kind.path(namespace, name)
        try:
            return await self._request("GET", kind, path, what, accept=accept)
        except NamespaceGone:
            return None

    async def list_metadata(self, kind: Kind, namespace: str, selector: str) -> tuple[list[Manifest], str]:
        """See `Reader.list_metadata`. An empty namespace means all of them."""
        items: list[Manifest] = []
        version = ""
        async for page in self._pages(kind, namespace, selector, limit=_METADATA_PAGE, accept=_METADATA_LIST):
            items += page.items
            version = page.version
        return items, version

    async def log_tail(self, namespace: str, pod: str, container: str) -> str:
        """See `Reader.log_tail`."""
        params = {"container": container, "tailLines": str(_LOG_LINES), "limitBytes": str(_LOG_BYTES)}
        what = f"log of Pod {namespace}/{pod}"
        path = POD.path(namespace, pod, "log")
        # The API server asks the kubelet, which may not answer at all: the failure must be told in time.
        try:
            async with asyncio.timeout(_LOG_SECONDS):
                status, reply, retry_after = await self._send("GET", path, what, params, None, {"Accept": "*/*"})
        except TimeoutError as error:
            raise Unavailable(f"{what}: not there after {_LOG_SECONDS:.0f} s") from error
        metrics.API_REQUESTS.labels("GET", str(status)).inc()
        if status < 300:
            # At the limit the last line is cut off, and a value in it would not be known for one any more.
            whole = reply if len(reply) < _LOG_BYTES else reply[: reply.rfind(b"\n") + 1]
            return whole.decode(errors="replace")
        if status in (400, 404):  # it never started, or it is gone
            return ""
        raise self._failure(status, reply, retry_after, what=what, kind=POD)

    async def warnings(self, namespace: str, name: str, reason: str) -> list[str]:
        """See `Reader.warnings`."""
        selector = f"involvedObject.name={name},reason={reason}"
        what = f"list of events about {namespace}/{name}"
        params = {"fieldSelector": selector, "limit": str(_PAGE)}
        found = (await self._request("GET", EVENT, EVENT.path(namespace), what, params=params)).get("items") or []
        found.sort(key=lambda event: int(event["metadata"]["resourceVersion"]))
        return [str(event.get("message", "")) for event in found]

    async def pages(self, kind: Kind, namespace: str, selector: str) -> AsyncIterator[Page]:
        """Every object the selector matches, page by page. An empty namespace means all of them."""
        accept = _METADATA_LIST if kind in SURROUNDINGS else "application/json"
        async for page in self._pages(kind, namespace, selector, limit=_PAGE, accept=accept):
            for item in page.items:  # the API server leaves these out of lists
                item["apiVersion"], item["kind"] = kind.api_version, kind.name
            yield page

    async def changes(
        self, kind: Kind, namespace: str, selector: str, version: str
    ) -> AsyncIterator[tuple[str, Manifest]]:
        """What changes after a resourceVersion: ADDED, MODIFIED, DELETED or BOOKMARK, and the object.

        Ends when the server ends the watch.

        Raises:
            Expired: when the server has forgotten that version.
            ChildError: any other failure, silence included.
        """
        params = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "labelSelector": selector,
            "resourceVersion": version,
            "timeoutSeconds": str(_WATCH_SECONDS),
        }
        what = f"watch of {kind.plural}"
        connection = await self._login()
        self._respect_pause()
        try:
            async with self._open().get(
                connection.server + kind.path(namespace),
                params=params,
                headers={**connection.headers, "Accept": _METADATA if kind in SURROUNDINGS else "application/json"},
                ssl=connection.tls if connection.tls is not None else True,
                timeout=aiohttp.ClientTimeout(sock_connect=self._timeout.total, sock_read=_SILENCE_SECONDS),
            ) as response:
                if response.status != 200:
                    self._refused(response.status, connection)
                    reply, retry_after = await response.read(), seconds(response.headers.get("Retry-After"))
                    raise self._failure(response.status, reply, retry_after, what=what, kind=kind)
                async for line in lines(response.content):
                    event_type, obj = event(line)
                    if event_type == "ERROR":
                        raise failure(obj.get("code", 500), obj, what=what, kind=kind)
                    if kind in SURROUNDINGS:  # it calls itself PartialObjectMetadata
                        obj["apiVersion"], obj["kind"] = kind.api_version, kind.name
                    yield event_type, obj
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unavailable(f"{what}: broken off ({str(error) or type(error).__name__})") from error

    async def _pages(
        self, kind: Kind, namespace: str, selector: str, *, limit: int, accept: str
    ) -> AsyncIterator[Page]:
        params = {"labelSelector": selector, "limit": str(limit)}
        while True:
            page = await self._request(
                "GET", kind, kind.path(namespace), f"list of {kind.plural}", params=params, accept=accept
            )
            metadata = page["metadata"]
            yield Page(page.get("items") or [], metadata.get("resourceVersion", ""))
            proceed = metadata.get("continue")
            if not proceed:
                return
            params["continue"] = proceed

    async def apply(
        self,
        kind: Kind,
        manifest: Manifest,
        *,
        manager: str = FIELD_MANAGER,
        force: bool = False,
        subresource: str | None = None,
    ) -> Manifest:
        """See `Writer.apply`.

        Raises:
            ManagerConflict: without force, when another manager owns a field.
            ChildError: any other failure.
        """
        metadata = manifest["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        params = {"fieldManager": manager, "fieldValidation": "Strict"}
        if force:
            params["force"] = "true"
        result = await self._request(
            "PATCH",
            kind,
            kind.path(namespace, name, subresource),
            f"{kind.name} {namespace}/{name}",
            params=params,
            body=manifest,
            content_type=_APPLY,
        )
        metrics.WRITES.labels(kind.name, "apply").inc()
        return result

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str) -> None:
        """See `Writer.delete`.

        Raises:
            Conflict: when an object of another uid has the name.
        """
        body = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        try:
            await self._request(
                "DELETE", kind, kind.path(namespace, name), f"{kind.name} {namespace}/{name}", body=body
            )
        except NamespaceGone:
            return
        metrics.WRITES.labels(kind.name, "delete").inc()

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        """See `Writer.create`."""
        namespace = manifest["metadata"].get("namespace", "")
        what = f"{kind.name} in {namespace}"
        result = await self._request("POST", kind, kind.path(namespace), what, body=manifest)
        metrics.WRITES.labels(kind.name, "create").inc()
        return result

    async def _request(
        self,
        method: str,
        kind: Kind,
        path: str,
        what: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Manifest:
        """One request; the answer as JSON."""
        data = orjson.dumps(body) if body is not None else None
        headers = {"Accept": accept, "Content-Type": content_type}
        status, reply, retry_after = await self._send(method, path, what, params, data, headers)
        if status == 401:  # `_send` has dropped the login it used
            status, reply, retry_after = await self._send(method, path, what, params, data, headers)
        metrics.API_REQUESTS.labels(method, str(status)).inc()
        if status < 300:
            parsed = object_of(reply)
            if parsed is None or (method != "DELETE" and "metadata" not in parsed):
                raise Unavailable(f"{method} {what}: the answer of the API server is not a JSON object with metadata")
            return parsed
        raise self._failure(status, reply, retry_after, what=what, kind=kind)

    def _failure(self, status: int, reply: bytes, retry_after: float | None, *, what: str, kind: Kind) -> ChildError:
        """What a refusal means; a pause the server asks for is for everybody."""
        if status == 429 and retry_after:
            self._resume_at = asyncio.get_running_loop().time() + retry_after
        # A proxy or the mux answers in plain text instead of with a `metav1.Status`.
        return failure(status, object_of(reply) or {}, what=what, kind=kind, retry_after=retry_after)

    def _respect_pause(self) -> None:
        """The server asked for silence (429 with Retry-After): no request goes out before that time."""
        remaining = self._resume_at - asyncio.get_running_loop().time()
        if remaining > 0:
            error = Paused(f"the API server asked to wait {remaining:.0f} s more; it is retried by itself")
            error.retry_after = remaining
            raise error

    async def _send(
        self,
        method: str,
        path: str,
        what: str,
        params: Mapping[str, str] | None,
        data: bytes | None,
        headers: Mapping[str, str],
    ) -> tuple[int, bytes, float | None]:
        connection = await self._login()
        try:
            async with self._slots:
                self._respect_pause()
                if method != "GET" and not self._may_write():
                    raise Unavailable(f"{method} {what}: this process does not hold the Lease (any more)")
                async with self._open().request(
                    method,
                    connection.server + path,
                    params=params,
                    data=data,
                    headers={**connection.headers, **headers},
                    ssl=connection.tls if connection.tls is not None else True,
                ) as response:
                    self._refused(response.status, connection)
                    return response.status, await response.read(), seconds(response.headers.get("Retry-After"))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            metrics.API_REQUESTS.labels(method, "none").inc()
            cause = str(error) or type(error).__name__
            raise Unavailable(f"{method} {what}: no answer from the API server ({cause})") from error

    def _refused(self, status: int, connection: Connection) -> None:
        """Drop a login that the server does not accept any more, unless somebody did already."""
        if status == 401 and self._connection is connection:
            self._connection = None

    async def _login(self) -> Connection:
        """The present connection. After a 401 the first request logs in again, the others wait for it."""
        async with self._logging_in:
            if self._connection is None:
                try:
                    self._connection = await self._connect()
                except SettingsError as error:  # it did log in at the start: the file may just be being replaced
                    raise Unavailable(str(error)) from error
            return self._connection

    def _open(self) -> aiohttp.ClientSession:
        """The session; it outlives a login, so that a 401 of one request does not break the others off."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                headers={"User-Agent": self._user_agent},
                timeout=self._timeout,
            )
        return self._session
