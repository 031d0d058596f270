"""One document by HTTP, from a server that may be broken or hostile."""

import asyncio
from typing import Final

from aiohttp import ClientError, ClientResponse, ClientSession, DummyCookieJar
from yarl import URL

from eco2_authz.errors import KeysUnavailable

MAX_REDIRECTS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CHUNK: Final = 16_384
_HEADERS: Final = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}


async def download(url: URL, *, seconds: float, size: int) -> bytes:
    """The body, of at most `size` bytes, within so many seconds for all of it.

    Redirects are followed within the same scheme, host and port. Nothing is decompressed, no proxy or password of
    the environment is used, no cookie is kept.

    Raises:
        KeysUnavailable: no such answer was had. Says why, without the URL, which may hold a secret.
    """
    try:
        async with (
            asyncio.timeout(seconds),
            ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False, headers=_HEADERS) as session,
        ):
            return await _follow(session, url, size)
    except TimeoutError:
        raise KeysUnavailable(f"the answer took longer than {seconds:g} s") from None
    except (ClientError, OSError, ValueError) as error:
        raise KeysUnavailable(f"no answer ({type(error).__name__})") from None


async def _follow(session: ClientSession, url: URL, size: int) -> bytes:
    origin = url.origin()
    for _ in range(MAX_REDIRECTS + 1):
        async with session.get(url, allow_redirects=False) as response:
            if response.status not in _REDIRECTS:
                return await _body(response, size)
            url = url.join(URL(response.headers.get("Location", "")))
        if url.origin() != origin:
            raise KeysUnavailable("the answer is a redirect to another server")
    raise KeysUnavailable(f"the answer is more than {MAX_REDIRECTS} redirects")


async def _body(response: ClientResponse, size: int) -> bytes:
    if response.status != 200:
        raise KeysUnavailable(f"the answer is HTTP {response.status}")
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > size:
            raise KeysUnavailable(f"the answer is larger than {size} bytes")
    return bytes(body)
