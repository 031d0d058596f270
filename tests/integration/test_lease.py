"""Two operators and one Lease: one acts, the other takes over, and never both do."""

import base64
import uuid
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import pytest
from support.audit import AuditTrail
from support.operator import Operator
from support.waits import eventually, stays

from eco2_operator.hash_key import KEY_BYTES
from eco2_operator.kinds import LEASE, SECRET

pytestmark = pytest.mark.cluster

DURATION, DEADLINE, RETRY = 6.0, 4.0, 0.5
SETTINGS = {
    "ECO2_LEASE_NAMESPACE": "ops",
    "ECO2_LEASE_DURATION_SECONDS": str(DURATION),
    "ECO2_LEASE_DEADLINE_SECONDS": str(DEADLINE),
    "ECO2_LEASE_RETRY_SECONDS": str(RETRY),
    "ECO2_HASH_KEY_SECRET": "hash-key",
}
TAKEOVER = DURATION + 2 * RETRY + 5
"""Seconds after a kill, with some for a busy machine; with the timings of production 20 in all."""


class Pair:
    """Two operators over one cluster."""

    def __init__(self, private: Any) -> None:
        self.private = private
        self.first, self.second = (
            Operator(private.cluster, user=f"eco2-operator-{name}", settings=SETTINGS) for name in "ab"
        )
        self.trails: dict[str, AuditTrail] = {}

    def start(self) -> None:
        """The first leads, the second stands by and knows everything."""
        self.first.start()
        eventually(lambda: leads(self.first))
        self.second.start()
        eventually(lambda: says(self.second, "standing by"))
        self.trails = {operator.user: operator.audit() for operator in (self.first, self.second)}

    def works(self) -> Any:
        """A new domain gets everything."""
        return self.private.domain("work", f"d-{uuid.uuid4().hex[:8]}", replicas=0).becomes_ready()

    def writes(self, operator: Operator) -> list[str]:
        """What one of them has written, the Lease aside."""
        return [str(call) for call in self.trails[operator.user].writes() if call.resource != "leases"]

    def lease(self) -> dict[str, Any]:
        found = self.private.api.get(LEASE, "ops", "eco2-operator")
        return dict((found or {}).get("spec") or {})


def says(operator: Operator, message: str) -> bool:
    return any(line["message"] == message for line in operator.lines())


def leads(operator: Operator) -> bool:
    return says(operator, "leading")


@pytest.fixture(scope="module")
def private(new_private: Callable[..., Any]) -> Any:
    made = new_private()
    for name in ("ops", "work"):
        made.namespace(name)
    return made


@pytest.fixture
def pair(private: Any, show_log: Callable[[Operator], None]) -> Iterator[Pair]:
    made = Pair(private)
    for operator in (made.first, made.second):
        show_log(operator)
    private.api.delete(LEASE, "ops", "eco2-operator")
    made.start()
    yield made
    for operator in (made.first, made.second):
        if operator.is_alive():
            operator.stop()


def seconds_until(fact: Callable[[], object], *, within: float) -> float:
    began = monotonic()
    eventually(fact, within=within)
    return monotonic() - began


def test_one_acts_and_the_other_stands_by_warm(pair: Pair) -> None:
    pair.works()
    assert pair.writes(pair.first)
    assert pair.writes(pair.second) == []
    assert pair.second.metrics().total("eco2_queue_depth") > 0  # it knows of the work, and leaves it alone
    assert pair.second.http("/readyz")[0] == 200
    assert pair.lease()["leaseDurationSeconds"] == DURATION
    stays(lambda: not pair.writes(pair.second), for_=2)


def test_both_have_the_same_key_of_hashes_and_tell_it_to_nobody(pair: Pair) -> None:
    key = pair.private.api.read(SECRET, "ops", "hash-key")["data"]["key"]
    assert len(base64.b64decode(key)) == KEY_BYTES
    for operator in (pair.first, pair.second):
        assert key not in operator.log.read_text()


def test_after_a_kill_the_other_takes_over_in_time_and_goes_on(pair: Pair) -> None:
    pair.works()
    pair.first.kill()
    left = pair.private.domain("work", "left-behind", replicas=0)
    took = seconds_until(lambda: leads(pair.second), within=TAKEOVER)
    assert took > DEADLINE - 2 * RETRY  # the record was respected
    left.becomes_ready()
    assert pair.writes(pair.second)
    pair.works()


def test_after_a_clean_stop_the_other_takes_over_within_two_seconds(pair: Pair) -> None:
    pair.works()
    assert pair.first.stop() == 0
    seconds_until(lambda: leads(pair.second), within=2)
    assert not [call for call in pair.writes(pair.first) if call.startswith("delete")]
    pair.works()


def test_a_frozen_one_that_thaws_writes_nothing_and_ends_with_an_error(pair: Pair) -> None:
    domain = pair.works()
    pair.first.freeze()
    eventually(lambda: leads(pair.second), within=TAKEOVER)
    pair.works()
    # Work for it the moment it wakes up: changed specs and a changed child.
    for number in range(3):
        pair.private.domain("work", f"during-the-freeze-{number}", replicas=0)
    domain.patch(tier="data")
    pair.trails[pair.first.user].restart()
    child = pair.first.child
    assert child is not None
    pair.first.thaw()
    assert child.wait(30) != 0
    assert pair.writes(pair.first) == []
    assert pair.trails[pair.first.user].writes() == []  # not even the Lease
    assert "LeaseLost" in pair.first.text() or "was not renewed" in pair.first.text()
    domain.becomes_ready()
    stays(lambda: pair.second.is_alive() and leads(pair.second), for_=2)


def test_a_standby_that_stops_disturbs_nobody(pair: Pair) -> None:
    before = pair.lease()["holderIdentity"]
    assert pair.second.stop() == 0
    stays(lambda: pair.lease()["holderIdentity"] == before, for_=2)
    pair.works()


def test_one_that_is_started_again_takes_its_turn(pair: Pair) -> None:
    pair.first.kill()
    eventually(lambda: leads(pair.second), within=TAKEOVER)
    pair.first.start()
    eventually(lambda: says(pair.first, "standing by"))
    assert pair.second.stop() == 0
    eventually(lambda: leads(pair.first), within=5)
    pair.works()
