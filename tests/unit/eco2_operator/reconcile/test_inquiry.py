"""What is asked about pods that run without being ready, or crash; and that it is asked once."""

import base64
from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import DOMAIN_UID, KEY, NAMESPACE, Clock, FakeApi, eco_domain

from eco2_operator.errors import Unavailable
from eco2_operator.kinds import SECRET
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import parse
from eco2_operator.naming import Ref
from eco2_operator.reconcile.inquiry import AGAIN_SECONDS, PATIENCE_SECONDS, WORDS, Inquiry
from eco2_operator.slim import slim_pod, slim_replica_set
from eco2_operator.status.domain import Observation

POD = "scan-1-a"
LABELS = {"pod-template-hash": "new"}
PROBE = "Readiness probe failed: HTTP probe failed with statuscode: 503"
EVENTS, LOG = Ref("", "Event", NAMESPACE, POD), Ref("", "Log", NAMESPACE, POD)
STUCK = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
READ = [{"name": "P", "valueFrom": {"secretKeyRef": {"name": "database", "key": "password"}}}]


class Place:
    """An inquiry, and whom it asks."""

    def __init__(self, **spec: Any) -> None:
        self.api, self.clock = FakeApi(), Clock()
        self.inquiry = Inquiry(self.api, self.clock)
        self.domain = parse({**eco_domain(**spec), "metadata": metadata()}, EcoDomainSpec)

    async def ask(self, *pods: dict[str, Any], conditions: Any = ()) -> tuple[Observation, float | None]:
        sets = [slim_replica_set({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta("scan-1")})]
        deployment = {"metadata": {"generation": 1}, "spec": {}, "status": {"conditions": list(conditions)}}
        seen = Observation((), deployment=deployment, replica_sets=sets, pods=[slim_pod(pod) for pod in pods])
        return await self.inquiry.complete(self.domain, seen)

    def refuse(self, *_: Any) -> Any:
        """Instead of an answer."""
        raise Unavailable("silence")


def metadata() -> dict[str, Any]:
    return {"name": KEY.name, "namespace": NAMESPACE, "uid": DOMAIN_UID, "generation": 1}


def meta(name: str) -> dict[str, Any]:
    return {"name": name, "namespace": NAMESPACE, "labels": LABELS}


def pod(name: str = POD, *, ready: bool = False, **container: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    app = {"name": "app", "state": {"running": {}}, "started": True, **container}
    status = {"phase": "Running", "conditions": conditions, "containerStatuses": [app]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta(name), "status": status}


def crashed(code: int = 3) -> dict[str, Any]:
    last = {"terminated": {"exitCode": code, "reason": "Error"}}
    return pod(state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState=last, restartCount=2, started=False)


@pytest.fixture
def place() -> Place:
    return Place()


async def test_a_probe_is_asked_for_after_a_while_and_once(place: Place) -> None:
    place.api.told[POD, "Unhealthy"] = ["Startup probe failed", PROBE]
    assert (await place.ask(pod()))[1] == PATIENCE_SECONDS
    assert place.api.reads == []
    place.clock.turn(PATIENCE_SECONDS)
    for _ in range(2):
        seen, again = await place.ask(pod())
        assert (seen.probe, again) == (f"pod {POD}: {PROBE}", None)
    assert place.api.reads == [EVENTS]


async def test_what_has_changed_is_given_its_time_and_asked_for_anew(place: Place) -> None:
    place.api.told[POD, "Unhealthy"] = ["Startup probe failed"]
    await place.ask(pod(started=False))
    place.clock.turn(PATIENCE_SECONDS)
    assert (await place.ask(pod(started=False)))[0].probe.endswith("Startup probe failed")
    place.api.told[POD, "Unhealthy"] = [PROBE]
    assert (await place.ask(pod()))[1] == PATIENCE_SECONDS
    place.clock.turn(PATIENCE_SECONDS)
    assert (await place.ask(pod()))[0].probe.endswith(PROBE)


async def test_a_pod_that_becomes_ready_in_time_is_no_question(place: Place) -> None:
    await place.ask(pod())
    place.clock.turn(PATIENCE_SECONDS)
    seen, again = await place.ask(pod(ready=True))
    assert (seen.probe, again) == ("", None)
    assert (await place.ask(pod()))[1] == PATIENCE_SECONDS  # it begins anew
    assert place.api.reads == []


async def test_what_nobody_knows_yet_is_asked_for_again_later(place: Place) -> None:
    await place.ask(pod())
    place.clock.turn(PATIENCE_SECONDS)
    seen, again = await place.ask(pod())
    assert (seen.probe, again) == ("", AGAIN_SECONDS)
    place.api.told[POD, "Unhealthy"] = [PROBE]
    assert (await place.ask(pod()))[0].probe


async def test_past_its_deadline_a_rollout_is_asked_about_at_once(place: Place) -> None:
    place.api.told[POD, "Unhealthy"] = [PROBE]
    assert (await place.ask(pod(), conditions=STUCK))[0].probe


async def test_a_pod_that_shows_its_cause_itself_is_asked_nothing(place: Place) -> None:
    waiting = pod(state={"waiting": {"reason": "ErrImagePull"}})
    assert (await place.ask(waiting))[1] is None
    place.clock.turn(PATIENCE_SECONDS)
    await place.ask(waiting)
    assert place.api.reads == []


async def test_the_last_line_of_a_crash_is_read_once_and_without_secrets() -> None:
    place = Place(env=READ)
    data = {"password": base64.b64encode(b"hunter2").decode()}
    place.api.objects[Ref(SECRET.group, SECRET.name, NAMESPACE, "database")] = {"data": data}
    place.api.logs[POD] = "Traceback\nValueError: hunter2 is not accepted\n"
    for _ in range(2):
        assert (await place.ask(crashed()))[0].last_words == "ValueError: *** is not accepted"
    assert place.api.reads.count(LOG) == 1
    assert EVENTS not in place.api.reads


async def test_of_a_long_last_line_its_end_is_kept(place: Place) -> None:
    place.api.logs[POD] = "x" * 5000 + "the end"
    words = (await place.ask(crashed()))[0].last_words
    assert len(words) == WORDS
    assert words.endswith("the end")


async def test_a_log_that_is_empty_yet_is_read_again(place: Place) -> None:
    assert (await place.ask(crashed()))[0].last_words == ""
    place.api.logs[POD] = "no database"
    assert (await place.ask(crashed()))[0].last_words == "no database"


@pytest.mark.parametrize("code", [0, 137, 143])
async def test_a_container_that_was_told_to_end_was_ended_by_its_probe_if_one_fails(place: Place, code: int) -> None:
    place.api.logs[POD] = "ended"
    assert (await place.ask(crashed(code)))[0].last_words == "ended"
    place.api.told[POD, "Unhealthy"] = ["Liveness probe failed"]
    seen, _ = await place.ask(crashed(code))
    assert (seen.probe, seen.last_words) == (f"pod {POD}: Liveness probe failed", "")


async def test_whoever_cannot_be_asked_keeps_nothing_from_being_told(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place.api, "warnings", place.refuse)
    monkeypatch.setattr(place.api, "log_tail", place.refuse)
    assert (await place.ask(crashed(137)))[0].last_words == ""
    await place.ask(pod())
    place.clock.turn(PATIENCE_SECONDS)
    assert await place.ask(pod()) is not None


async def test_a_domain_that_is_gone_is_forgotten(place: Place) -> None:
    await place.ask(pod())
    place.clock.turn(PATIENCE_SECONDS)
    place.inquiry.forget(KEY)
    assert (await place.ask(pod()))[1] == PATIENCE_SECONDS
