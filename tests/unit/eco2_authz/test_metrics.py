import os
import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from eco2_authz.decision import REASONS, Reason
from eco2_authz.http2.errors import ErrorCode
from eco2_authz.metrics import exposition, families
from eco2_authz.metrics.families import FAMILIES, PLACES, Merge
from eco2_authz.metrics.memory import BEAT, READY, Memory
from eco2_authz.metrics.recorder import Recorder

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(memory: Memory) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(exposition.render(memory).decode())
        for sample in family.samples
    }


def requests(memory: Memory) -> dict[str, float]:
    return {
        dict(labels)["reason"]: value
        for (name, labels), value in samples(memory).items()
        if name == "ext_authz_requests_total"
    }


@pytest.fixture
def memory() -> Memory:
    return Memory(3)


def test_the_names_of_the_contract_are_there() -> None:
    lines = exposition.render(Memory(1)).decode().splitlines()
    types = dict(line.removeprefix("# TYPE ").split() for line in lines if line.startswith("# TYPE "))
    assert {name: types[name] for name in types if "duration" in name or "requests" in name} == {
        "ext_authz_requests_total": "counter",
        "ext_authz_request_duration_seconds": "histogram",
        "ext_authz_jwt_verify_duration_seconds": "histogram",
        "ext_authz_redis_lookup_duration_seconds": "histogram",
        "ext_authz_requests_in_flight": "gauge",
    }


def test_every_reason_is_there_from_the_start(memory: Memory) -> None:
    assert requests(memory) == dict.fromkeys(map(str, REASONS), 0.0)


def test_the_result_of_a_reason(memory: Memory) -> None:
    results = {
        dict(labels)["reason"]: dict(labels)["result"]
        for name, labels in samples(memory)
        if name == "ext_authz_requests_total"
    }
    assert {reason for reason, result in results.items() if result == "allow"} == {"ok", "public"}
    assert {reason for reason, result in results.items() if result == "error"} == {
        "redis_unavailable",
        "keys_unavailable",
        "internal",
    }


def test_numbers_of_all_workers_are_added(memory: Memory) -> None:
    for worker in range(3):
        recorder = Recorder(memory.of(worker))
        for reason in REASONS:
            recorder.answered(reason, 0.0)
        recorder.answered(Reason.OK, 0.0)
        recorder.remembered()
        recorder.count(families.LOG_DROPPED, 5)
        recorder.change(families.IN_FLIGHT, worker)
    assert requests(memory) == {reason: 6.0 if reason is Reason.OK else 3.0 for reason in REASONS}
    found = samples(memory)
    assert found["ext_authz_token_cache_hits_total", ()] == 3
    assert found["ext_authz_decision_log_dropped_total", ()] == 15
    assert found["ext_authz_requests_in_flight", ()] == 3


@pytest.mark.parametrize(("merge", "expected"), [(Merge.SUM, 6.0), (Merge.LEAST, 1.0), (Merge.MOST, 3.0)])
def test_how_numbers_of_several_workers_become_one(memory: Memory, merge: Merge, expected: float) -> None:
    gauge = next(family for family in FAMILIES if isinstance(family, families.Gauge) and family.merge is merge)
    for worker in range(3):
        Recorder(memory.of(worker)).set(gauge, worker + 1)
    assert samples(memory)[gauge.name, ()] == expected


def test_a_duration_is_counted_under_its_bound(memory: Memory) -> None:
    bounds = families.REQUEST_DURATION.bounds
    recorders = [Recorder(memory.of(worker)) for worker in range(2)]
    for recorder in recorders:
        for seconds in (0.0, bounds[0], bounds[0] * 1.01, bounds[-1], bounds[-1] * 2):
            recorder.answered(Reason.OK, seconds)
            recorder.observe(families.VERIFY_DURATION, seconds)
    found = samples(memory)
    for name in ("ext_authz_request_duration_seconds", "ext_authz_jwt_verify_duration_seconds"):
        counts = [value for (sample, _), value in found.items() if sample == f"{name}_bucket"]
        assert (counts[0], counts[1], counts[-2], counts[-1]) == (4, 6, 8, 10)
        assert counts == sorted(counts)
        assert found[f"{name}_count", ()] == 10
        assert found[f"{name}_sum", ()] == pytest.approx(2 * (2.01 * bounds[0] + 3 * bounds[-1]))


def test_every_protocol_error_has_its_label(memory: Memory) -> None:
    recorder = Recorder(memory.of(0))
    for code in ErrorCode:
        recorder.fault(code)
    found = {labels: value for (name, labels), value in samples(memory).items() if "protocol_errors_total" in name}
    assert found == {(("kind", code.name.lower()),): 1.0 for code in ErrorCode if code is not ErrorCode.NO_ERROR}


def test_no_two_families_share_a_cell() -> None:
    places = [cell for family in FAMILIES for cell in range(PLACES[family], PLACES[family] + family.cells)]
    assert places == list(range(families.CELLS))
    assert {READY, BEAT}.isdisjoint(places)


def test_what_an_ended_worker_counted_stays(memory: Memory) -> None:
    recorder = Recorder(memory.of(1))
    recorder.answered(Reason.OK, 0.1)
    recorder.set(families.CONNECTIONS, 7)
    recorder.alive(12.0, ready=True)
    memory.ended(1)
    assert requests(memory)["ok"] == 1
    assert samples(memory)["ext_authz_request_duration_seconds_sum", ()] == 0.1
    assert samples(memory)["ext_authz_connections", ()] == 0
    assert (memory.of(1)[READY], memory.of(1)[BEAT]) == (0.0, 0.0)


def test_another_process_counts_in_the_same_memory_until_it_is_killed(memory: Memory) -> None:
    program = """
import os, signal, sys
from eco2_authz.decision import Reason
from eco2_authz.metrics.memory import Memory
from eco2_authz.metrics.recorder import Recorder
recorder = Recorder(Memory(3, int(sys.argv[1])).of(2))
for _ in range(1000):
    recorder.answered(Reason.EXPIRED, 0.0)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program, str(memory.file)], pass_fds=(memory.file,), check=False)
    assert done.returncode == -9
    assert requests(memory)["expired"] == 1000


def test_without_memory_files_a_nameless_file_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    memory = Memory(2)
    Recorder(Memory(2, memory.file).of(1)).remembered()
    assert samples(memory)["ext_authz_token_cache_hits_total", ()] == 1
