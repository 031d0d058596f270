"""How often somebody may ask: the generic cell rate algorithm, in Redis.

One number for each key, the theoretical arrival time of the next request, moved on by one step atomically (ITU-T
I.371, annex A; https://brandur.org/rate-limiting). The clock is that of Redis: all replicas see the same one.
"""

from __future__ import annotations

import ipaddress
import math
from typing import Final

from fastapi import Request
from redis.asyncio import Redis

from eco2_service.metrics import Metrics
from eco2_service.problems import TooManyRequests
from eco2_service.redis_client import RedisUnavailable, redis_answers
from eco2_service.settings import ServiceSettings

_GCRA: Final = """
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local step, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local due = math.max(now, tonumber(redis.call('GET', KEYS[1]) or now))
local wait = due - (burst - 1) * step - now
if wait > 0 then return math.ceil(wait) end
local next = math.ceil(due + step)
redis.call('SET', KEYS[1], next, 'PX', math.max(1, next - now))
return 0
"""
"""KEYS: the bucket. ARGV: milliseconds for one request, requests at once. Answers milliseconds to wait; 0: passed."""


class RateLimit:
    """A limit for each of many keys.

    Args:
        name: stands in the keys of Redis and in the metric.
        count: requests in `seconds`; as many may come at once.
        metrics: given, requests pass and are counted when Redis does not answer; else `RedisUnavailable` is raised.
    """

    def __init__(
        self, redis: Redis, name: str, *, count: int, seconds: float = 60.0, metrics: Metrics | None = None
    ) -> None:
        self._script = redis.register_script(_GCRA)
        self._name = name
        self._step_ms = seconds * 1000 / count
        self._burst = count
        self._metrics = metrics

    async def check(self, key: str) -> None:
        """Count one request. Raises TooManyRequests with the time to wait, or RedisUnavailable."""
        try:
            with redis_answers():
                wait = await self._script(keys=[f"rate:{self._name}:{key}"], args=[self._step_ms, self._burst])
        except RedisUnavailable:
            if self._metrics is None:
                raise
            self._metrics.unchecked.labels(self._name).inc()
            return
        if wait:
            seconds = math.ceil(int(wait) / 1000)
            raise TooManyRequests(f"Too many requests; wait {seconds} s", retry_after=seconds)


def client_address(request: Request, settings: ServiceSettings) -> str:
    """The address a request came from: the last that our own proxies wrote down; an IPv6 network of 64 bits is one.

    What stands before it in `X-Forwarded-For` was sent by the client, and may be anything.
    """
    peer = request.client.host if request.client else ""
    chain = [part.strip() for line in request.headers.getlist("x-forwarded-for") for part in line.split(",")]
    hops = settings.trusted_proxies
    claimed = chain[-hops] if 0 < hops <= len(chain) else peer
    try:
        address = ipaddress.ip_address(claimed)
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address)
