"""What one decision costs without a transport: a remembered token, the mirror, metrics and decision log on.

    python tests/bench/authz/hot_path.py [rounds]

Prints microseconds a call, of one core: the least of many short rounds, since the least is what the code costs.
"""

import json
import os
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from hmac import digest
from math import inf
from time import perf_counter
from typing import Any, Final

import uvloop
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest

from eco2_authz import check
from eco2_authz.authorizer import Authorizer
from eco2_authz.blacklist.address import parse
from eco2_authz.blacklist.mirror import Mirror
from eco2_authz.decision_log import DecisionLog
from eco2_authz.keys.keyset import KeySet
from eco2_authz.keys.source import FixedKeys
from eco2_authz.metrics.memory import Memory
from eco2_authz.metrics.recorder import Recorder
from eco2_authz.policy import Policy
from eco2_authz.protocol.check_request import read
from eco2_authz.token_cache import TokenCache
from eco2_authz.writer import Writer

SECRET: Final = b"a secret for measurements only, 32"
TOKENS: Final = 200
HEADERS: Final = {
    ":authority": "api.example.com",
    ":method": "GET",
    ":path": "/api/v1/my/profile?fields=name,level",
    ":scheme": "https",
    "accept": "application/json, text/plain, */*",
    "accept-encoding": "gzip, deflate, br, zstd",
    "accept-language": "ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7",
    "origin": "https://www.example.com",
    "referer": "https://www.example.com/my/profile",
    "sec-fetch-dest": "empty",
    "sec-fetch-mode": "cors",
    "sec-fetch-site": "same-site",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537",
    "x-forwarded-for": "203.0.113.77",
    "x-forwarded-proto": "https",
    "x-request-id": "5f1c2d3e-6a1b-4c22-9d5e-1234567890ab",
}


def token(number: int) -> str:
    """An access token for one user (HS256)."""
    now = int(time.time())
    claims = {
        "sub": f"user-{number:08d}",
        "jti": sha256(b"%d" % number).hexdigest()[:32],
        "type": "access",
        "provider": "kakao",
        "iss": "https://api.example.com/api/v1/auth",
        "aud": "eco2",
        "iat": now,
        "exp": now + 3600,
    }
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    signed = b".".join(urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    return (signed + b"." + urlsafe_b64encode(digest(SECRET, signed, "sha256")).rstrip(b"=")).decode()


def question(bearer: str) -> bytes:
    """A CheckRequest as Envoy sends it, of about 1.2 kB."""
    message = CheckRequest()
    attributes = message.attributes
    attributes.source.address.socket_address.address = "203.0.113.77"
    http = attributes.request.http
    http.id, http.method, http.host, http.path = "12345678901234567890", "GET", "api.example.com", HEADERS[":path"]
    for name, value in HEADERS.items():
        http.headers[name] = value
    http.headers["authorization"] = f"Bearer {bearer}"
    octets: bytes = message.SerializeToString()
    return octets


def least(rounds: int, work: Callable[[Any], Any], subjects: list[Any]) -> float:
    """Microseconds of one call. A round takes about a millisecond, so that some are not interrupted."""
    best = inf
    for _ in range(rounds):
        began = perf_counter()
        for subject in subjects:
            work(subject)
        best = min(best, perf_counter() - began)
    return best / len(subjects) * 1e6


async def measure(rounds: int) -> None:
    """Print the table."""
    now = time.time()
    policy = Policy(algorithms=frozenset({"HS256"}))
    keys = FixedKeys(KeySet.of_secret(SECRET))
    mirror = Mirror(
        parse("redis://unused"), limit=1_000_000, trusted=2.0, on_revoked=lambda jti: None, random=lambda: 0.5
    )
    mirror._until = inf  # it is complete, and stays so without a Redis
    recorder = Recorder(Memory(1).of(0))
    sink = os.open(os.devnull, os.O_WRONLY)
    decisions = DecisionLog(Writer(sink, room=1 << 30), dry_run=False, on_dropped=lambda count: None)

    def authorizer(*, logged: bool, entries: int = 10_000) -> Authorizer:
        cache = TokenCache(entries, 1 << 28)
        return Authorizer(
            policy,
            tokens=cache,
            keys=keys,
            blacklist=mirror,
            metrics=recorder,
            decisions=decisions if logged else None,
        )

    tokens = [token(number) for number in range(TOKENS)]
    messages = [question(bearer) for bearer in tokens]
    requests = [read(message) for message in messages]
    verified = [check.verify(bearer, keys.current, policy, time.time()) for bearer in tokens]
    decision = verified[0].decision
    table = {
        "reading the message (upb, Request)": least(rounds, read, messages),
        "answer: remembered token, log on": least(rounds, authorizer(logged=True).answer, messages),
        "answer: remembered token, log off": least(rounds, authorizer(logged=False).answer, messages),
        "answer: new token (HS256), log on": least(rounds, authorizer(logged=True, entries=0).answer, messages),
        "examine": least(rounds, lambda request: check.examine(request, policy), requests),
        "admit": least(rounds, lambda token: check.admit(token, policy, now, False), verified),
        "metrics": least(rounds, lambda _: recorder.answered(decision.reason, 12e-6), messages),
        "log: put aside, formatted": least(rounds, lambda r: decisions.record(2e9, 12e-6, decision, r), requests),
    }
    decisions.close(10)
    sys.stdout.write(f"{len(messages[0])} bytes a message, {len(tokens[0])} a token, {TOKENS} tokens\n")
    for name, cost in table.items():
        sys.stdout.write(f"{name:38} {cost:6.2f} us\n")


if __name__ == "__main__":
    uvloop.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000))
