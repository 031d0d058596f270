"""Asking other domains: with a time limit, again when it may help, and not at all while it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import httpx2
import structlog
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import HALF_OPENED, OpenedState
from pydantic import SecretStr
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from eco2_service.metrics import Metrics
from eco2_service.request_scope import HEADER, request_id

OPEN_AFTER: Final = 5
"""Failures in a row after which a domain is left alone."""
OPEN_SECONDS: Final = 10.0
"""How long; then one call tries."""
log = structlog.get_logger("eco2.peers")


class PeerUnavailable(Exception):
    """Another domain does not answer, or says that it cannot.

    Args:
        reason: ``timeout``, ``unreachable``, ``status 503``, or ``circuit open``.
    """

    def __init__(self, peer: str, reason: str) -> None:
        super().__init__(f"{peer}: {reason}")
        self.peer = peer
        self.reason = reason


class CircuitOpen(PeerUnavailable):
    """It has not answered for a while, and was not asked."""

    def __init__(self, peer: str) -> None:
        super().__init__(peer, "circuit open")


class Peer:
    """Another domain.

    Args:
        base_url: such as ``http://character.character.svc.cluster.local``.
        token: shown to its internal endpoints.
        timeout: seconds for a call, all attempts and pauses included.
        attempts: of a call that may be repeated.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        metrics: Metrics,
        token: SecretStr | None = None,
        timeout: float = 2.0,
        attempts: int = 3,
    ) -> None:
        self.name = name
        self._metrics = metrics
        self._timeout = timeout
        self._attempts = attempts
        headers = {"authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        self._client = httpx2.AsyncClient(base_url=base_url, headers=headers, timeout=timeout, trust_env=False)
        self._circuits = AsyncCircuitBreakerFactory(default_threshold=OPEN_AFTER, default_ttl=OPEN_SECONDS)

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        params: Mapping[str, Any] | None = None,
        idempotent: bool = True,
    ) -> httpx2.Response:
        """Its answer, below 500.

        Args:
            idempotent: whether it may be asked again when it is not known what became of the first time.

        Raises:
            PeerUnavailable: after the last attempt, or when time is up.
            CircuitOpen: without having asked.
        """
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._attempts if idempotent else 1),
            wait=wait_random_exponential(multiplier=0.05, max=0.5),
            retry=retry_if_exception_type(PeerUnavailable),
            reraise=True,
        )
        circuit = await self._circuits.get_breaker(self.name)
        if circuit.context.state == HALF_OPENED:  # one call tries; the library would let all through
            raise CircuitOpen(self.name)
        try:
            async with circuit:
                async with asyncio.timeout(self._timeout):
                    answer: httpx2.Response = await retrying(self._attempt, method, path, json, params)
                    return answer
        except OpenedState as state:
            state.__traceback__ = None  # the library raises this one object each time: it would keep all their frames
            raise CircuitOpen(self.name) from None
        except TimeoutError:
            raise self._no_answer("timeout") from None

    async def _attempt(self, method: str, path: str, json: object, params: Mapping[str, Any] | None) -> httpx2.Response:
        headers = {HEADER: current} if (current := request_id()) else {}
        with self._metrics.dependency(self.name):
            try:
                answer = await self._client.request(method, path, json=json, params=params, headers=headers)
            except httpx2.TimeoutException as error:
                raise self._no_answer("timeout", error) from None
            except httpx2.HTTPError as error:
                raise self._no_answer("unreachable", error) from None
            if answer.status_code >= 500:
                raise self._no_answer(f"status {answer.status_code}")
            return answer

    def _no_answer(self, reason: str, error: httpx2.HTTPError | None = None) -> PeerUnavailable:
        log.warning("no answer", peer=self.name, reason=reason, **({"error": type(error).__name__} if error else {}))
        return PeerUnavailable(self.name, reason)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()
