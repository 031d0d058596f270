"""The one HTTP client of the operator: the few API calls it makes, and what their failures mean.

Thin on purpose: 300 applications cost this client a fifth of the memory and half of the CPU of the generated one.
It never retries; the work queue does, with back-off. API: https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import aiohttp
import orjson

from eco2_operator import metrics
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
from eco2_operator.kinds import Kind
from eco2_operator.naming import FIELD_MANAGER, Manifest

_APPLY = "application/apply-patch+yaml"
_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
_MANAGER = re.compile(r'conflict with "([^"]+)"')


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the API server is and how to talk to it."""

    server: str
    headers: Mapping[str, str]
    tls: ssl.SSLContext | None


class ManagerConflict(ChildError):
    """HTTP 409 on an apply without force: other managers own fields we want. Pairs of (manager, field path)."""

    reason = "FieldConflict"

    def __init__(self, message: str, fields: tuple[tuple[str, str], ...]) -> None:
        super().__init__(message)
        self.fields = fields


class Reader(Protocol):
    """What may be read; it cannot write."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """The object, or None when there is none."""

    async def list_metadata(self, kind: Kind, namespace: str, selector: str) -> tuple[list[Manifest], str]:
        """Metadata of every object the selector matches, and the resourceVersion of the list."""


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
    """

    def __init__(
        self, connect: Callable[[], Awaitable[Connection]], *, timeout: float, user_agent: str = FIELD_MANAGER
    ) -> None:
        self._connect = connect
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._user_agent = user_agent
        self._connection: Connection | None = None
        self._logging_in = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None
        self._resume_at = 0.0

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """See `Reader.get`."""
        try:
            return await self._request("GET", kind, kind.path(namespace, name), f"{kind.name} {namespace}/{name}")
        except NamespaceGone:
            return None

    async def list_metadata(self, kind: Kind, namespace: str, selector: str) -> tuple[list[Manifest], str]:
        """See `Reader.list_metadata`. An empty namespace means all of them."""
        items: list[Manifest] = []
        params = {"labelSelector": selector, "limit": "500"}
        while True:
            page = await self._request(
                "GET",
                kind,
                kind.path(namespace),
                f"list of {kind.plural}",
                params=params,
                accept=_METADATA_LIST,
            )
            items += page.get("items") or ()
            proceed = page["metadata"].get("continue")
            if not proceed:
                return items, page["metadata"].get("resourceVersion", "")
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
        self._respect_pause()
        data = orjson.dumps(body) if body is not None else None
        headers = {"Accept": accept, "Content-Type": content_type}
        status, reply, retry_after = await self._send(method, path, what, params, data, headers)
        if status == 401:  # `_send` has dropped the login it used
            status, reply, retry_after = await self._send(method, path, what, params, data, headers)
        metrics.API_REQUESTS.labels(method, str(status)).inc()
        if status < 300:
            parsed = _object_of(reply)
            if parsed is None or (method != "DELETE" and "metadata" not in parsed):
                raise Unavailable(f"{method} {what}: the answer of the API server is not a JSON object with metadata")
            return parsed
        # A proxy or the mux answers in plain text instead of with a `metav1.Status`.
        answer = _object_of(reply) or {}
        if status == 429 and retry_after:
            self._resume_at = asyncio.get_running_loop().time() + retry_after
        raise failure(status, answer, what=what, kind=kind, retry_after=retry_after)

    def _respect_pause(self) -> None:
        """The server asked for silence (429 with Retry-After): no request goes out before that time."""
        remaining = self._resume_at - asyncio.get_running_loop().time()
        if remaining > 0:
            error = Unavailable(f"the API server asked to wait {remaining:.0f} s more; it is retried by itself")
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
            async with self._open().request(
                method,
                connection.server + path,
                params=params,
                data=data,
                headers={**connection.headers, **headers},
                ssl=connection.tls if connection.tls is not None else True,
            ) as response:
                if response.status == 401 and self._connection is connection:
                    self._connection = None
                return response.status, await response.read(), _seconds(response.headers.get("Retry-After"))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            metrics.API_REQUESTS.labels(method, "none").inc()
            cause = str(error) or type(error).__name__
            raise Unavailable(f"{method} {what}: no answer from the API server ({cause})") from error

    async def _login(self) -> Connection:
        """The present connection. After a 401 the first request logs in again, the others wait for it."""
        async with self._logging_in:
            if self._connection is None:
                self._connection = await self._connect()
            return self._connection

    def _open(self) -> aiohttp.ClientSession:
        """The session; it outlives a login, so that a 401 of one request does not break the others off."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=64),
                headers={"User-Agent": self._user_agent},
                timeout=self._timeout,
            )
        return self._session


def failure(status: int, answer: Manifest, *, what: str, kind: Kind, retry_after: float | None = None) -> ChildError:
    """What an HTTP error of the API server means, as an error of our tree."""
    message = str(answer.get("message") or f"HTTP {status}")
    details = answer.get("details") or {}
    causes = details.get("causes") or ()
    error: ChildError
    match status:
        case 404 if not details.get("name"):
            error = KindMissing(
                f"{what}: the cluster does not serve {kind.api_version} {kind.name}; "
                "install what provides it, then it is made by itself"
            )
        case 404:
            error = NamespaceGone(f"{what}: {message}")
        case 409 if any(cause.get("reason") == "FieldManagerConflict" for cause in causes):
            fields = tuple(
                (
                    found.group(1) if (found := _MANAGER.search(cause.get("message", ""))) else "?",
                    cause["field"],
                )
                for cause in causes
                if cause.get("reason") == "FieldManagerConflict"
            )
            error = ManagerConflict(f"{what}: {message}", fields)
        case 409:
            error = Conflict(f"{what}: {message}")
        case 403 if any(cause.get("reason") == "NamespaceTerminating" for cause in causes):
            error = NamespaceGone(f"{what}: {message}")
        case 403:
            error = Forbidden(f"{what}: {message}")
        case 422 if "provided port is already allocated" in message:
            error = NodePortTaken(f"{what}: {message}")
        case 400 | 405 | 406 | 413 | 415 | 422:
            error = Rejected(f"{what}: {message}")
        case _:
            error = Unavailable(f"{what}: HTTP {status}: {message}")
    error.retry_after = retry_after
    return error


def _object_of(reply: bytes) -> Manifest | None:
    """The answer as a JSON object; None when it is anything else, or was cut off."""
    try:
        parsed = orjson.loads(reply)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _seconds(header: str | None) -> float | None:
    """``Retry-After`` in seconds (RFC 9110, section 10.2.3); the API server sends no dates, and 0 says nothing."""
    return float(header) or None if header is not None and header.isdecimal() else None
