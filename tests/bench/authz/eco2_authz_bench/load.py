"""The load generator, and what its run has cost everybody."""

import os
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from eco2_authz_bench import machine
from eco2_authz_bench.machine import LOAD_CORE
from eco2_authz_bench.results import Measurement
from eco2_testcluster.errors import CommandError

WARM_UP: Final = 0.7
"""Seconds before each measured span."""


@dataclass(frozen=True)
class Load:
    """What is sent: over how many connections, how much at a time, or at which rate."""

    messages: Path
    connections: int
    streams: int = 1
    rate: float = 0.0
    """Requests a second, due at fixed times; 0: as many as are answered."""
    traceparent: bool = False
    protocol: str = "grpc"

    def arguments(self) -> list[str]:
        """For the load generator."""
        return [
            f"-messages={self.messages}",
            f"-connections={self.connections}",
            f"-streams={self.streams}",
            f"-rate={self.rate}",
            f"-traceparent={str(self.traceparent).lower()}",
            f"-protocol={self.protocol}",
        ]


@dataclass(frozen=True)
class Parties:
    """Whose CPU is counted: process ids."""

    server: Sequence[int] = ()
    envoy: Sequence[int] = ()
    redis: Sequence[int] = ()
    idle: Sequence[int] = ()
    """Servers of the bench that have nothing to do now."""


class Generator:
    """The program on its core."""

    def __init__(self, program: Path) -> None:
        self._program = program

    def verify(self, address: str, load: Load, *, requests: int, expect: str) -> None:
        """Send some requests and have every answer as expected. Raises CommandError."""
        figures, _ = self._run(address, load, ["-requests", str(requests), "-expect", expect], Parties())
        if figures["wrong"] or figures["errors"] or figures["requests"] != requests:
            raise CommandError(f"{address}: {requests} requests to be {expect}: {figures}")

    def measure(self, address: str, load: Load, *, seconds: float, parties: Parties) -> Measurement:
        """Warm up, then measure. Raises CommandError."""
        figures, used = self._run(address, load, [f"-warmup={WARM_UP}s", f"-duration={seconds}s"], parties)
        known = sum(used[name] for name in ("server", "envoy", "redis", "idle", "bench")) + figures["cpu_seconds"]
        return Measurement(
            answered=figures["answered"],
            requests=figures["requests"],
            seconds=figures["seconds"],
            rps=figures["rps"],
            p50=figures["p50_us"],
            p90=figures["p90_us"],
            p99=figures["p99_us"],
            p999=figures["p999_us"],
            late=figures["late_p99_us"],
            wrong=figures["wrong"],
            errors=figures["errors"],
            server_cpu=used["server"],
            envoy_cpu=used["envoy"],
            load_cpu=figures["cpu_seconds"],
            redis_cpu=used["redis"],
            rss=machine.rss(parties.server),
            others=max(0.0, used["busy"] - known) / (figures["seconds"] * (os.cpu_count() or 1)),
        )

    def _run(
        self, address: str, load: Load, more: Iterable[str], parties: Parties
    ) -> tuple[dict[str, Any], dict[str, float]]:
        """The figures, and the CPU seconds of everybody in the measured span."""
        argv = machine.pinned(LOAD_CORE, self._program, f"-address={address}", *load.arguments(), *more)
        marks: dict[str, dict[str, float]] = {}
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environ()) as process:
            assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018  pipes
            for line in process.stdout:
                event = orjson.loads(line)
                if event["event"] == "figures":
                    used = {name: marks["end"][name] - marks["begin"][name] for name in marks["end"]}
                    return event, used
                marks[event["event"]] = _used(parties)
            message = process.stderr.read().decode().strip()
        raise CommandError(f"the load generator on {address}: {message or 'ended'}")


def _environ() -> dict[str, str]:
    return {**os.environ, "GOMAXPROCS": "1"}


def _used(parties: Parties) -> dict[str, float]:
    return {
        "server": machine.cpu(parties.server),
        "envoy": machine.cpu(parties.envoy),
        "redis": machine.cpu(parties.redis),
        "idle": machine.cpu(parties.idle),
        "bench": time.process_time(),
        "busy": machine.busy(),
    }
