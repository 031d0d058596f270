"""AWS Systems Manager Parameter Store through boto3, in a few threads of its own.

boto3 and its description of SSM take 40 MiB and a second: both are loaded with the first read, so that operators
without such bindings never pay for them. Endpoint and credentials are found as always (``AWS_ENDPOINT_URL``, the role
of the service account); a role's credentials renew themselves, others are looked up again after they were refused.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from eco2_operator.errors import (
    AccessDenied,
    CredentialsRefused,
    ParameterMissing,
    ParameterStoreUnavailable,
    ParameterUnusable,
    SecretError,
)
from eco2_operator.parameters.aws_errors import translate
from eco2_operator.parameters.store import Answers, Parameter

if TYPE_CHECKING:
    from boto3.session import Session
    from mypy_boto3_ssm.client import SSMClient

BATCH: Final = 10
"""Parameters of one request, at most (API reference of GetParameters)."""
ATTEMPTS: Final = 4
CONNECT_SECONDS: Final = 3
READ_SECONDS: Final = 5
RELOGIN_SECONDS: Final = 60
"""Refused credentials are looked up again this often at most: it costs a third of a second of CPU."""


class Ssm:
    """A `ParameterStore`.

    Args:
        region: for bindings that name none; None leaves it to boto3.
        timeout: seconds one read may take, retries and waiting for a thread included.
        threads: requests at the same time.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        region: str | None = None,
        timeout: float = 30.0,
        threads: int = 4,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._region = region
        self._timeout = timeout
        self._clock = clock
        self._pool_size = threads
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="ssm")
        self._opening = threading.Lock()
        self._session: Session | None = None
        self._opened = 0.0
        self._clients: dict[str | None, SSMClient] = {}

    async def read(self, names: Sequence[str], *, region: str | None = None) -> Answers:
        """See `ParameterStore.read`."""
        wanted, place = list(dict.fromkeys(names)), region or self._region
        batches = [wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH)]
        answers: Answers = {}
        for answer in await asyncio.gather(*(self._read_batch(batch, place) for batch in batches)):
            answers |= answer
        return {name: answers[name] for name in wanted}

    async def close(self) -> None:
        """See `ParameterStore.close`. A request under way goes on in its thread until its own timeout."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._opening:
            self._drop()

    async def _read_batch(self, names: list[str], region: str | None) -> Answers:
        loop, deadline = asyncio.get_running_loop(), self._clock() + self._timeout
        try:
            async with asyncio.timeout(self._timeout):
                return await loop.run_in_executor(self._threads, self._ask, names, region, deadline)
        except TimeoutError:
            return dict.fromkeys(names, self._too_late(region))

    # -- in a thread -----------------------------------------------------------------------------------------

    def _ask(self, names: list[str], region: str | None, deadline: float) -> Answers:
        """One request; where it is refused as a whole, one for each parameter, since SSM does not say which it was."""
        if self._clock() >= deadline:
            return dict.fromkeys(names, self._too_late(region))
        client: SSMClient | None = None
        try:
            client = self._client(region)
            answer: Any = client.get_parameters(Names=names, WithDecryption=True)
        except Exception as error:  # whatever it is, it is about these parameters and nothing else
            where = client.meta.region_name if client is not None else region or "no region"
            failure = translate(error, names=names, region=where, known=lambda: self._knows(where))
        else:
            return _sorted(answer, names, client.meta.region_name)
        if isinstance(failure, CredentialsRefused):
            self._log_out(client)
        if isinstance(failure, AccessDenied | ParameterUnusable) and len(names) > 1:
            return {name: self._ask([name], region, deadline)[name] for name in names}
        return dict.fromkeys(names, failure)

    def _client(self, region: str | None) -> "SSMClient":
        """The client of a region. Making one is not thread-safe, using one is."""
        with self._opening:
            client = self._clients.get(region)
            if client is None:
                session = self._session = self._session or _open(self._pool_size)
                if not self._clients:
                    self._opened = self._clock()
                client = self._clients[region] = session.client("ssm", region_name=region)
            return client

    def _log_out(self, client: "SSMClient | None") -> None:
        """Have credentials looked up again by the next read, unless that was done a moment ago."""
        with self._opening:
            stale = client is None or client in self._clients.values()
            if stale and self._clock() - self._opened >= RELOGIN_SECONDS:
                self._drop()

    def _drop(self) -> None:
        clients, self._clients, self._session = self._clients, {}, None
        for client in clients.values():
            client.close()

    def _knows(self, region: str) -> bool:
        with self._opening:
            session = self._session
            if session is None:
                return True
            partitions = session.get_available_partitions()
            return any(region in session.get_available_regions("ssm", partition_name=part) for part in partitions)

    def _too_late(self, region: str | None) -> SecretError:
        where = region or "the default region"
        return ParameterStoreUnavailable(
            f"no answer from SSM in {where} within {self._timeout:g} s: it is asked again by itself"
        )


def _open(connections: int) -> "Session":
    """A session whose clients give up in time; also the one that fetches the credentials of a role."""
    import boto3
    from botocore.config import Config
    from botocore.session import get_session

    for name in ("boto3", "botocore", "urllib3"):  # at DEBUG they log every answer, and with it the values
        logging.getLogger(name).setLevel(logging.WARNING)
    core = get_session()
    core.set_default_client_config(
        Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            max_pool_connections=connections,
            user_agent_extra="eco2-operator",
        )
    )
    return boto3.Session(botocore_session=core)


def _sorted(answer: dict[str, Any], names: list[str], region: str) -> Answers:
    """What SSM said about each name."""
    found = {
        item["Name"]: Parameter(item["Name"], item["Value"], item.get("Version", 0))
        for item in answer.get("Parameters") or ()
        if isinstance(item.get("Name"), str) and isinstance(item.get("Value"), str)
    }
    invalid = answer.get("InvalidParameters") or ()
    return {name: found.get(name) or _missing(name, region, told=name in invalid) for name in names}


def _missing(name: str, region: str, *, told: bool) -> SecretError:
    if told:
        return ParameterMissing(f"SSM in {region} has no parameter {name}: create it, or correct spec.keys")
    return ParameterStoreUnavailable(
        f"SSM in {region} says nothing about parameter {name}: it is asked again by itself"
    )
