"""The servers that are measured, and how each is started: the same settings for all, by the same names."""

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from socket import create_connection
from typing import Final
from urllib.request import ProxyHandler, build_opener

from eco2_authz_bench import machine
from eco2_authz_bench.machine import SERVER_CORE
from eco2_authz_bench.runtime import Runtime
from eco2_testcluster.errors import CommandError
from eco2_testcluster.ports import HOST
from eco2_testcluster.processes import ProcessId, log_tail, spawn, stop_all
from eco2_testcluster.waits import until

START_SECONDS: Final = 20.0
STOP_SECONDS: Final = 10.0
CACHE_ENTRIES: Final = 10_000
"""Verified tokens that a server keeps. All-new load rotates several times as many, so that none is ever found."""

MIRROR: Final = "eco2 mirror"
SOURCE: Final = "eco2 source"
LOOKUP: Final = "eco2 lookup"
CACHED: Final = "Go cached"
PLAIN: Final = "Go plain"
REGO: Final = "Go + Rego"
CEILING: Final = "ceiling"
NO_FILTER: Final = "no filter"
_DECISION: Final = b'"reason":'


@dataclass(frozen=True)
class Contender:
    """A server and how it is started.

    Args:
        program: name of the Go program; None: ours.
        mode: of ours, `AUTHZ_REDIS_MODE`.
        compiled: of ours, whether it is run as its image has it.
    """

    name: str
    program: str | None = None
    mode: str = ""
    compiled: bool = True

    @property
    def ours(self) -> bool:
        """Whether it is eco2-authz."""
        return self.program is None

    @property
    def uses_redis(self) -> bool:
        """Whether it knows revoked tokens."""
        return self.program not in ("rego", "ceiling")

    @property
    def decides(self) -> bool:
        """Whether it refuses anything."""
        return self.program != "ceiling"


CONTENDERS: Final = (
    Contender(MIRROR, mode="mirror"),
    Contender(SOURCE, mode="mirror", compiled=False),
    Contender(CACHED, "cached"),
    Contender(LOOKUP, mode="lookup"),
    Contender(PLAIN, "plain"),
    Contender(REGO, "rego"),
    Contender(CEILING, "ceiling"),
)


class Server:
    """One running server, on the servers' core."""

    def __init__(
        self,
        contender: Contender,
        programs: Mapping[str, Path],
        runtime: Runtime,
        *,
        ports: tuple[int, int],
        environ: Mapping[str, str],
    ) -> None:
        self.contender = contender
        self.address = f"{HOST}:{ports[0]}"
        self._admin = f"http://{HOST}:{ports[1]}"
        self._argv: Sequence[str | Path]
        if contender.program is None:
            self._argv = [runtime.python, "-m", "eco2_authz"]
            environ = {**environ, **runtime.environ(compiled=contender.compiled)}
        elif contender.program == "ceiling":
            self._argv = [programs["ceiling"], self.address]
        else:
            self._argv = [programs[contender.program]]
        self._environ = {
            **environ,
            "GOMAXPROCS": "1",
            "AUTHZ_GRPC_ADDR": self.address,
            "AUTHZ_HTTP_ADDR": f"{HOST}:{ports[1]}",
            "AUTHZ_WORKERS": "1",
            "AUTHZ_REDIS_MODE": contender.mode or "lookup",
            "AUTHZ_TOKEN_CACHE_ENTRIES": str(CACHE_ENTRIES),
        }
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, folder: Path) -> None:
        """Start it and wait until it takes calls. Raises CommandError.

        Args:
            folder: for its standard output, in memory: nothing is ever written to a disk.
        """
        self.log = folder / f"{self.contender.name.replace(' ', '-')}-{self.address.partition(':')[2]}.log"
        self._child = spawn(machine.pinned(SERVER_CORE, *self._argv), log=self.log, env=self._environ)
        try:
            until(self._is_ready, seconds=START_SECONDS, what=f"{self.contender.name} takes calls")
        except TimeoutError as error:
            raise CommandError(f"{error}; end of its log:\n{log_tail(self.log)}") from None
        self.pids = machine.tree(self._child.pid)

    def stop(self) -> None:
        """End it."""
        if self._child is not None:
            stop_all([ProcessId.of(self._child.pid)] if self._child.poll() is None else [], seconds=STOP_SECONDS)
            self._child.wait()
            self._child = None

    def clear_log(self) -> None:
        """Forget what it has logged. It appends, so that it goes on at the beginning."""
        with self.log.open("r+b") as file:
            file.truncate()

    def decisions(self) -> int:
        """How many decisions it has logged since then."""
        with self.log.open("rb") as file:
            return sum(_DECISION in line for line in file)

    def _is_ready(self) -> bool:
        assert self._child is not None  # noqa: S101  started
        if self._child.poll() is not None:
            raise CommandError(f"{self.contender.name} ended; end of its log:\n{log_tail(self.log)}")
        return answers(f"{self._admin}/readyz") if self.contender.ours else self._accepts()

    def _accepts(self) -> bool:
        host, _, port = self.address.partition(":")
        with suppress(OSError), create_connection((host, int(port)), timeout=1):
            return True
        return False


def answers(url: str) -> bool:
    """Whether a page of a server on this machine can be had."""
    with suppress(OSError), build_opener(ProxyHandler({})).open(url, timeout=1) as answer:
        return bool(answer.status == HTTPStatus.OK)
    return False
