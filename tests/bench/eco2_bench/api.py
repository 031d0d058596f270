"""The bench's own requests to the API server, kept few and cheap: the machine belongs to who is measured."""

import asyncio
import base64
import json
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson

USER_AGENT = "eco2-bench"
MERGE_PATCH = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


def tls_of(kubeconfig: Path) -> tuple[str, ssl.SSLContext]:
    """Server and TLS context of a kubeconfig that an embedded cluster wrote."""
    document = json.loads(kubeconfig.read_text())
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    tls = ssl.create_default_context(cadata=_decoded(cluster["certificate-authority-data"]).decode())
    with tempfile.NamedTemporaryFile() as pair:  # the ssl module reads keys from files only
        pair.write(_decoded(user["client-certificate-data"]) + b"\n" + _decoded(user["client-key-data"]))
        pair.flush()
        tls.load_cert_chain(pair.name)
    return str(cluster["server"]), tls


def _decoded(text: str) -> bytes:
    return base64.b64decode(text)


class Api:
    """JSON requests with the rights of a kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        self._server, self._tls = tls_of(kubeconfig)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=64, ssl=self._tls), headers={"User-Agent": USER_AGENT}
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        params: Mapping[str, str] | None = None,
    ) -> Any:
        """One request; the decoded answer. Raises aiohttp.ClientResponseError with the server's words."""
        data = None if body is None else orjson.dumps(body)
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        async with self._session.request(
            method, self._server + path, data=data, headers=headers, params=params
        ) as answer:
            content = await answer.read()
            if answer.status >= 300:
                raise aiohttp.ClientResponseError(
                    answer.request_info, (), status=answer.status, message=content.decode(errors="replace")[:2000]
                )
            return orjson.loads(content)

    async def apply(self, path: str, obj: Mapping[str, Any]) -> Any:
        """Server-side apply."""
        params = {"fieldManager": USER_AGENT, "force": "true"}
        return await self.request("PATCH", path, obj, content_type=APPLY, params=params)

    async def count(self, path: str) -> int:
        """How many objects a collection has: the API server says how many are left after the first."""
        page = await self.request("GET", path, params={"limit": "1"})
        return len(page["items"]) + int(page["metadata"].get("remainingItemCount", 0))

    async def items(self, path: str) -> list[dict[str, Any]]:
        """Every object of a collection."""
        page = await self.request("GET", path, params={"resourceVersion": "0"})
        found: list[dict[str, Any]] = page["items"]
        return found

    async def watch(self, path: str, *, begun: asyncio.Event) -> AsyncIterator[dict[str, Any]]:
        """Objects of a collection as they change; ``begun`` is set when the watch stands."""
        page = await self.request("GET", path, params={"limit": "1"})
        params = {"watch": "1", "resourceVersion": page["metadata"]["resourceVersion"]}
        timeout = aiohttp.ClientTimeout(total=None)
        async with self._session.get(self._server + path, params=params, timeout=timeout) as stream:
            begun.set()
            buffer = bytearray()
            async for chunk in stream.content.iter_any():
                buffer += chunk
                *lines, rest = buffer.split(b"\n")
                buffer = bytearray(rest)
                for line in lines:
                    yield orjson.loads(line)["object"]
