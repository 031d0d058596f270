"""Everybody in turn, round after round, so that what the machine does to one it does to all."""

import http.client
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from eco2_authz_bench import gateway, machine, profile, store, workload
from eco2_authz_bench.gateway import Envoy
from eco2_authz_bench.load import WARM_UP, Generator, Load, Parties
from eco2_authz_bench.machine import LOAD_CORE, SERVER_CORE
from eco2_authz_bench.messages import PROBE, http_request
from eco2_authz_bench.programs import Programs
from eco2_authz_bench.results import Comparison, Measurement, Series
from eco2_authz_bench.runtime import Runtime
from eco2_authz_bench.scenarios import HS256, Scenario
from eco2_authz_bench.servers import CACHE_ENTRIES, NO_FILTER, Contender, Server
from eco2_authz_bench.store import Store
from eco2_authz_bench.workload import USERS, Workload
from eco2_testcluster.errors import CommandError
from eco2_testcluster.ports import free_ports
from eco2_testcluster.progress import Reporter

LATENCY_FACTOR: Final = 2
"""At a fixed rate there are few requests: they are counted for so many times longer."""
PROFILE_SECONDS: Final = 5.0
SETTLE: Final = 0.2
"""Seconds after a measurement in which the server ends what it has begun."""


@dataclass(frozen=True)
class Plan:
    """How much is done: rounds, seconds of each measured span, who and in which situations."""

    rounds: int
    seconds: float
    contenders: Sequence[Contender]
    scenarios: Sequence[Scenario]
    profiles: Path | None = None
    """Folder for samples of where our server's time goes; None: none are taken."""

    @property
    def turns(self) -> list[tuple[Scenario, str]]:
        """What one round measures."""
        names = {NO_FILTER, *(each.name for each in self.contenders)}
        return [(scenario, name) for scenario in self.scenarios for name in scenario.contenders if name in names]

    @property
    def expected(self) -> float:
        """Seconds that takes."""
        return self.rounds * sum(self.span(scenario) + WARM_UP + SETTLE + 0.2 for scenario, _ in self.turns)

    def span(self, scenario: Scenario) -> float:
        """Seconds of one measurement."""
        return self.seconds * (LATENCY_FACTOR if scenario.rate else 1)


class Bench:
    """One run. Every server stays up all the time, and has nothing to do but in its turn.

    Args:
        folder: in memory, for logs and requests.
    """

    def __init__(self, plan: Plan, programs: Programs, runtime: Runtime, folder: Path, reporter: Reporter) -> None:
        self._plan = plan
        self._programs = programs
        self._runtime = runtime
        self._folder = folder
        self._reporter = reporter
        self._generator = Generator(programs.paths["load"])
        self._workloads: dict[str, Workload] = {}
        self._servers: dict[tuple[str, str], Server] = {}

    def run(self) -> Comparison:
        """Start, verify and measure everybody. Raises ClusterError."""
        algorithms = dict.fromkeys(scenario.algorithm for scenario in self._plan.scenarios)
        for algorithm in algorithms:
            with self._reporter.step(f"signing {workload.NEW} tokens with {algorithm}", expected=10):
                self._workloads[algorithm] = workload.prepare(algorithm, self._folder / algorithm)
        machine.pin_myself()
        with ExitStack() as stack:
            stack.enter_context(machine.alone(self._reporter))
            jtis = [jti for each in self._workloads.values() for jti in each.jtis]
            self._redis = stack.enter_context(store.running(jtis))
            with self._reporter.step("starting the servers, and verifying that each refuses what it has to"):
                for algorithm in algorithms:
                    self._start(algorithm, stack)
                addresses = {name: server.address for (key, name), server in self._servers.items() if key == HS256}
                self._envoy: Envoy = stack.enter_context(gateway.running(addresses, self._folder))
                self._verify()
            started = datetime.now(UTC).isoformat(timespec="seconds")
            series = self._measure()
            if self._plan.profiles is not None:
                self._profile(self._plan.profiles)
            peaks = {
                name: machine.peak_rss(server.pids) for (key, name), server in self._servers.items() if key == HS256
            }
        return Comparison(
            host=machine.host(self._versions(self._redis)),
            rounds=self._plan.rounds,
            seconds=self._plan.seconds,
            started=started,
            series=series,
            peak_rss=peaks,
            remarks=tuple(self._remarks()),
        )

    # -- before ----------------------------------------------------------------------------------------------

    def _start(self, algorithm: str, stack: ExitStack) -> None:
        wanted = {name for scenario, name in self._plan.turns if scenario.algorithm == algorithm}
        environ = {"REDIS_URL": self._redis.url, **self._workloads[algorithm].issuer.environ(self._folder)}
        for contender in self._plan.contenders:
            if contender.name not in wanted:
                continue
            first, second = free_ports(2)
            server = Server(contender, self._programs.paths, self._runtime, ports=(first, second), environ=environ)
            stack.callback(server.stop)
            server.start(self._folder)
            self._servers[algorithm, contender.name] = server

    def _verify(self) -> None:
        """Let everybody's own tokens through, and nobody else's. Raises CommandError."""
        for (algorithm, _), server in self._servers.items():
            load = self._workloads[algorithm]
            everything = Load(load.known, connections=4, streams=4)
            self._generator.verify(server.address, everything, requests=2 * USERS, expect="allowed")
            if server.contender.decides:
                refused = replace(everything, messages=load.invalid)
                self._generator.verify(server.address, refused, requests=60, expect="denied")
            if server.contender.uses_redis:
                refused = replace(everything, messages=load.revoked)
                self._generator.verify(server.address, refused, requests=60, expect="denied")
        for name in dict.fromkeys(name for scenario, name in self._plan.turns if scenario.envoy):
            self._verify_through_envoy(name)

    def _verify_through_envoy(self, name: str) -> None:
        address, load = self._envoy.address(name), self._workloads[HS256]
        everything = Load(load.http, connections=4, protocol="http")
        self._generator.verify(address, everything, requests=2 * USERS, expect="allowed")
        if name == NO_FILTER or not self._servers[HS256, name].contender.decides:
            return
        refused = replace(everything, messages=load.http_invalid)
        self._generator.verify(address, refused, requests=60, expect="denied")
        user = _probe(address, http_request(load.probe.text, path=PROBE))
        if user != load.probe.subject:
            raise CommandError(f"{name}: behind Envoy the user is {user!r}, not {load.probe.subject!r}")

    # -- the measurement -------------------------------------------------------------------------------------

    def _measure(self) -> tuple[Series, ...]:
        turns = self._plan.turns
        found: dict[tuple[str, str], list[Measurement]] = {(scenario.key, name): [] for scenario, name in turns}
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        # It refreshes between measurements only: its own work is not to be measured.
        with Progress(*columns, console=self._reporter.console, auto_refresh=False, transient=True) as progress:
            task = progress.add_task("", total=len(turns) * self._plan.rounds)
            for number in range(self._plan.rounds):
                began = time.monotonic()
                for scenario, name in _rotated(turns, number):
                    progress.update(task, description=f"{scenario.text}: {name}", refresh=True)
                    found[scenario.key, name].append(self._turn(scenario, name, seconds=self._plan.span(scenario)))
                    progress.update(task, advance=1)
                seconds = time.monotonic() - began
                self._reporter.say(f"  round {number + 1} of {self._plan.rounds}: {seconds:.0f} s")
        return tuple(Series(key, name, tuple(each)) for (key, name), each in found.items())

    def _turn(self, scenario: Scenario, name: str, *, seconds: float) -> Measurement:
        server = self._servers.get((scenario.algorithm, name))
        others = [pid for each in self._servers.values() if each is not server for pid in each.pids]
        idle = [*others, *(() if scenario.envoy else self._envoy.pids)]
        parties = Parties(
            server=server.pids if server else (),
            envoy=self._envoy.pids if scenario.envoy else (),
            redis=(self._redis.pid,),
            idle=idle,
        )
        address = self._envoy.address(name) if scenario.envoy or server is None else server.address
        logs = server is not None and server.contender.ours
        if server is not None and logs:
            server.clear_log()
        core = LOAD_CORE if scenario.envoy and not scenario.shared else SERVER_CORE
        with machine.moved(parties.server, to=core, back=SERVER_CORE):
            measured = self._generator.measure(address, self._load(scenario), seconds=seconds, parties=parties)
        time.sleep(SETTLE)
        return replace(measured, logged=server.decisions()) if server is not None and logs else measured

    def _profile(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for scenario, name in self._plan.turns:
            server = self._servers.get((scenario.algorithm, name))
            if server is None or not server.contender.ours:
                continue
            file = folder / f"{scenario.key}-{name.replace(' ', '-')}.txt"
            with (
                self._reporter.step(f"profile: {scenario.text}: {name}", expected=PROFILE_SECONDS),
                profile.sampling(server.pids[0], seconds=PROFILE_SECONDS, into=file),
            ):
                self._turn(scenario, name, seconds=PROFILE_SECONDS)
            for function, share in profile.hottest(file):
                self._reporter.say(f"    {share:6.1%}  {function}")

    def _load(self, scenario: Scenario) -> Load:
        load = self._workloads[scenario.algorithm]
        if scenario.envoy:
            return Load(load.http, scenario.connections, rate=scenario.rate, protocol="http")
        return Load(
            load.new if scenario.new_tokens else load.known,
            scenario.connections,
            scenario.streams,
            rate=scenario.rate,
            traceparent=scenario.traceparent,
        )

    # -- what is said of it ----------------------------------------------------------------------------------

    def _versions(self, redis: Store) -> dict[str, str]:
        return {"Envoy": gateway.envoy_version(), "store": redis.version, **self._programs.versions}

    def _remarks(self) -> list[str]:
        each = self._workloads[HS256]
        return [
            f"requests: CheckRequests of {each.size} octets with 18 headers, tokens of {each.token_size}; {USERS} in "
            f"turn, or {workload.NEW} where every token is new to a cache of {CACHE_ENTRIES}",
            *self._runtime.remarks,
            *self._programs.remarks,
        ]


def _rotated(turns: list[tuple[Scenario, str]], number: int) -> list[tuple[Scenario, str]]:
    """The turns, with another contender first in each scenario of each round."""
    ordered: list[tuple[Scenario, str]] = []
    for key in dict.fromkeys(scenario.key for scenario, _ in turns):
        group = [turn for turn in turns if turn[0].key == key]
        first = number % len(group)
        ordered += group[first:] + group[:first]
    return ordered


def _probe(address: str, request: bytes) -> str | None:
    """Send one request; what Envoy tells of the user."""
    host, _, port = address.partition(":")
    with closing(http.client.HTTPConnection(host, int(port), timeout=5)) as connection:
        connection.connect()
        connection.sock.sendall(request)
        answer = http.client.HTTPResponse(connection.sock)
        answer.begin()
        return answer.getheader("x-user")
