"""Calls to providers: limited in time and size, without redirects, cookies or compression."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final, cast

import httpx2

from eco2_auth.providers.errors import ProviderAnswerInvalid, ProviderError, ProviderFailed, ProviderRefused

SECONDS: Final = 5.0
"""One call, from the first byte to the last."""
MAX_BYTES: Final = 262_144
_CONNECTIONS: Final = httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30.0)

Observe = Callable[[str], AbstractContextManager[object]]


class Http:
    """What all providers share: connections, limits, the meaning of failures.

    Args:
        observe: entered around each call with the provider's name, for metrics.
        seconds: limit of one call.
        transport: in place of the network.
    """

    def __init__(
        self,
        *,
        observe: Observe = lambda _: nullcontext(),
        seconds: float = SECONDS,
        max_bytes: int = MAX_BYTES,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._observe = observe
        self.seconds: Final = seconds
        self.transport: Final = _Careful(transport or httpx2.AsyncHTTPTransport(limits=_CONNECTIONS), max_bytes)
        # What a provider wants to keep in a cookie during one user's login must not be sent in another's.
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._client = httpx2.AsyncClient(
            transport=self.transport, cookies=no_cookies, trust_env=False, timeout=seconds
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def get_object(self, provider: str, what: str, url: str, *, bearer: str | None = None) -> dict[str, Any]:
        """The JSON object at an address.

        Args:
            what: it is, for error messages.
            bearer: access token to send.

        Raises:
            ProviderError: there is none.
        """
        headers = {"accept": "application/json"}
        if bearer is not None:
            headers["authorization"] = f"Bearer {bearer}"
        async with self.limits(provider, what):
            response = await self._client.get(url, headers=headers)
            response.raise_for_status()
            body = response.json()
            if not isinstance(body, dict):
                raise ProviderAnswerInvalid(provider, f"{what} gave no JSON object")
            return body

    @asynccontextmanager
    async def limits(self, provider: str, what: str) -> AsyncIterator[None]:
        """Around one call: its time limit, its measurement, and what its failures mean.

        Raises:
            ProviderError: it failed.
        """
        try:
            with self._observe(provider):
                async with asyncio.timeout(self.seconds):
                    yield
        except (TimeoutError, httpx2.TimeoutException):
            raise ProviderFailed(provider, f"{what} took longer than {self.seconds:g} s") from None
        except _Refusal as error:
            raise ProviderAnswerInvalid(provider, f"{what} {error}") from None
        except httpx2.HTTPStatusError as error:
            raise _status_error(provider, what, error.response.status_code) from None
        except httpx2.HTTPError:
            raise ProviderFailed(provider, f"{what} could not be reached") from None
        except (ValueError, TypeError, OverflowError, RecursionError):  # of JSON of any shape and depth
            raise ProviderAnswerInvalid(provider, f"{what} gave no usable JSON") from None


def _status_error(provider: str, what: str, status: int) -> ProviderError:
    if status >= httpx2.codes.INTERNAL_SERVER_ERROR or status == httpx2.codes.TOO_MANY_REQUESTS:
        return ProviderFailed(provider, f"{what} answered {status}")
    if status < httpx2.codes.BAD_REQUEST:
        return ProviderAnswerInvalid(provider, f"{what} answered {status}")
    return ProviderRefused(provider, f"{what} answered {status}")


class _Refusal(httpx2.TransportError):
    """An answer that is not read any further."""


class _Careful(httpx2.AsyncBaseTransport):
    """Lets only small answers through, and none that is compressed: few bytes could become many."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, max_bytes: int) -> None:
        self._inner = inner
        self._max_bytes = max_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers["accept-encoding"] = "identity"
        response = await self._inner.handle_async_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise _Refusal("is compressed")
        response.stream = _Counted(cast(httpx2.AsyncByteStream, response.stream), self._max_bytes)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, max_bytes: int) -> None:
        self._inner = inner
        self._left = max_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            self._left -= len(chunk)
            if self._left < 0:
                raise _Refusal("is too large")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()
