"""The situations in which everybody is measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from eco2_authz_bench.servers import CACHED, CEILING, LOOKUP, MIRROR, NO_FILTER, PLAIN, REGO, SOURCE

HS256: Final = "HS256"
RS256: Final = "RS256"
_VERIFIERS: Final = (MIRROR, CACHED, LOOKUP, PLAIN)
_SERVERS: Final = (*_VERIFIERS, REGO)
_EVERYBODY: Final = (*_SERVERS, SOURCE)

FEW: Final = 4
"""Connections: as many workers of a gateway, each with many requests at a time."""
FULL: Final = 32
"""Those requests."""
MANY: Final = 50
"""Connections with one request at a time: what is read and written at once is never more than one."""


@dataclass(frozen=True)
class Scenario:
    """One situation.

    Args:
        new_tokens: every token is one that the server has not seen, or has forgotten.
        rate: requests a second, for latency; 0: throughput.
        envoy: the load comes through Envoy, over HTTP/1.1.
        shared: Envoy and the server have one core for both; otherwise the server is on the load generator's.
        traceparent: each call's headers differ from those of the last.
    """

    key: str
    text: str
    contenders: Sequence[str]
    connections: int
    streams: int = 1
    algorithm: str = HS256
    new_tokens: bool = False
    rate: float = 0.0
    envoy: bool = False
    shared: bool = False
    traceparent: bool = False


FEW_CONNECTIONS: Final = Scenario("few", "direct, 4 connections", (*_EVERYBODY, CEILING), FEW, FULL)
MANY_CONNECTIONS: Final = Scenario("many", "direct, 50 connections", (*_EVERYBODY, CEILING), MANY)
MANY_FULLER: Final = Scenario(
    "many-fuller", "direct, 50 connections with 4 requests each", (*_VERIFIERS, CEILING), MANY, 4
)
NEW_TOKENS: Final = Scenario("new", "every token new", _EVERYBODY, FEW, FULL, new_tokens=True)
TRACED: Final = Scenario("traced", "a traceparent with each call", _EVERYBODY, FEW, FULL, traceparent=True)
RSA: Final = Scenario("rsa", "RS256, 50 connections", _VERIFIERS, MANY, algorithm=RS256)
RSA_NEW: Final = Scenario("rsa-new", "RS256, every token new", _VERIFIERS, FEW, FULL, RS256, new_tokens=True)
LATENCY: Final = Scenario("latency", "direct, at 3,000 rps", (*_SERVERS, CEILING), FEW, FULL, rate=3000)
GATEWAY: Final = Scenario("envoy", "through Envoy", (*_SERVERS, CEILING, NO_FILTER), MANY, envoy=True)
SHARED_CORE: Final = Scenario(
    "envoy-shared", "through Envoy, both on one core", (*_SERVERS, CEILING), MANY, envoy=True, shared=True
)
GATEWAY_LATENCY: Final = Scenario(
    "envoy-latency", "through Envoy, at 1,500 rps", (*_SERVERS, CEILING, NO_FILTER), 16, rate=1500, envoy=True
)

SCENARIOS: Final = (
    FEW_CONNECTIONS,
    MANY_CONNECTIONS,
    MANY_FULLER,
    NEW_TOKENS,
    TRACED,
    RSA,
    RSA_NEW,
    LATENCY,
    GATEWAY,
    SHARED_CORE,
    GATEWAY_LATENCY,
)
