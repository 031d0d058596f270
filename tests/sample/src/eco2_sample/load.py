"""A client that asks again and again, and counts what came of it.

With the standard library's client, which tells of every failure: others repeat a request whose connection was lost.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Plan:
    """What to ask, how often, and for how long.

    Args:
        count: requests in all; None for as many as there is time for.
        seconds: no request begins later; None for no limit.
        concurrency: requests at the same time.
        rate: requests per second in all; None for as many as are answered.
        timeout: seconds without a sign of life after which there is no answer.
    """

    url: str
    headers: Mapping[str, str]
    count: int | None = 1
    seconds: float | None = None
    concurrency: int = 1
    rate: float | None = None
    timeout: float = 10


@dataclass
class Tally:
    """What came of the requests. `versions` and `pods` are what answers of this very service say of themselves."""

    requests: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    pods: Counter[str] = field(default_factory=Counter)
    first_error: str | None = None
    slowest: float = 0
    last: Any = None

    def answered(self, status: int, body: Any) -> None:
        """One more answer."""
        self.statuses[str(status)] += 1
        self.last = body
        if isinstance(body, dict) and "pod" in body:
            self.versions[str(body.get("version"))] += 1
            self.pods[str(body["pod"])] += 1

    def failed(self, error: Exception) -> None:
        """One that got no answer."""
        self.errors[type(error).__name__] += 1
        self.first_error = self.first_error or f"{type(error).__name__}: {error}"


class _Pace:
    """Says whether to send another request, and when."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._begun = 0
        self._start = time.monotonic()
        self._lock = threading.Lock()

    def next(self) -> bool:
        with self._lock:
            number = self._begun
            if self._plan.count is not None and number >= self._plan.count:
                return False
            self._begun += 1
        if self._plan.rate is not None:
            time.sleep(max(0.0, self._start + number / self._plan.rate - time.monotonic()))
        return self._plan.seconds is None or time.monotonic() - self._start < self._plan.seconds


def load(plan: Plan) -> Tally:
    """Send the requests. Each has a connection of its own, so that every one is given to a pod anew."""
    tally, pace, lock = Tally(), _Pace(plan), threading.Lock()

    def keep_asking() -> None:
        while pace.next():
            began = time.monotonic()
            outcome = _ask(plan)
            with lock:
                tally.requests += 1
                tally.slowest = max(tally.slowest, time.monotonic() - began)
                if isinstance(outcome, Exception):
                    tally.failed(outcome)
                else:
                    tally.answered(*outcome)

    threads = [threading.Thread(target=keep_asking) for _ in range(plan.concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally


def _ask(plan: Plan) -> tuple[int, Any] | Exception:
    """One answer: its status and body; or why there is none."""
    url = urlsplit(plan.url)
    kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
    connection = kind(url.hostname or "", url.port, timeout=plan.timeout)
    try:
        path = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
        connection.request("GET", path, headers={**plan.headers, "Connection": "close"})
        response = connection.getresponse()
        body = response.read()
        return response.status, _read(body, response.headers.get_content_type())
    except (OSError, HTTPException, ValueError) as error:
        return error
    finally:
        connection.close()


def _read(body: bytes, content_type: str) -> Any:
    return json.loads(body) if content_type == "application/json" else body.decode(errors="replace")
