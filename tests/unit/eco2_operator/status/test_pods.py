"""Why a rollout does not finish."""

from typing import Any

import pytest

from eco2_operator.slim import slim_pod, slim_replica_set
from eco2_operator.status.pods import Cause, diagnose, trouble, unready

NEW, OLD = "new", "old"


def deployment(*conditions: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "scan"}, "spec": spec, "status": {"conditions": list(conditions)}}


def replica_set(template: str = NEW, *, revision: int | None = 2, failure: str | None = None) -> dict[str, Any]:
    conditions = [] if failure is None else [{"type": "ReplicaFailure", "status": "True", "message": failure}]
    annotations = {} if revision is None else {"deployment.kubernetes.io/revision": str(revision)}
    metadata = {"name": f"scan-{template}", "labels": {"pod-template-hash": template}, "annotations": annotations}
    return slim_replica_set(
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "status": {"conditions": conditions}}
    )


def pod(name: str = "scan-1", *containers: dict[str, Any], template: str = NEW, **status: Any) -> dict[str, Any]:
    deleted = {"deletionTimestamp": "2026"} if status.pop("deleted", False) else {}
    metadata = {"name": name, "labels": {"pod-template-hash": template}, **deleted}
    return slim_pod(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "status": {"containerStatuses": list(containers), **status},
        }
    )


def waiting(reason: str, message: str = "", *, name: str = "app") -> dict[str, Any]:
    return {"name": name, "state": {"waiting": {"reason": reason, "message": message}}}


def crashing(*, name: str = "app", restarts: int = 4, **last: Any) -> dict[str, Any]:
    terminated = {"lastState": {"terminated": last}} if last else {}
    return {"name": name, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": restarts, **terminated}


def cause(*pods: dict[str, Any], sets: Any = None, live: Any = None) -> Cause | None:
    return diagnose(live or deployment(), [replica_set()] if sets is None else sets, pods)


def only(*pods: dict[str, Any]) -> Cause:
    found = cause(*pods)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"running": {}},
        {"waiting": {}},
        {"waiting": {"reason": "ContainerCreating"}},
        {"waiting": {"reason": "PodInitializing"}},
        {"terminated": {"exitCode": 0, "reason": "Completed"}},
    ],
)
def test_a_pod_that_starts_or_runs_shows_no_cause(state: dict[str, Any]) -> None:
    starting = pod("scan-1", {"name": "app", "state": state}, phase="Pending")
    assert cause(starting) is None
    assert trouble(starting) is None


def test_without_pods_and_replica_sets_there_is_no_cause() -> None:
    assert cause(sets=[]) is None
    assert cause() is None


@pytest.mark.parametrize(
    "reason",
    ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "CreateContainerError"],
)
def test_what_keeps_a_container_waiting_is_told_in_the_kubelets_words(reason: str) -> None:
    stuck = pod("scan-1", waiting(reason, 'secret "scan-db" not found'))
    assert only(stuck) == Cause(reason, 'pod scan-1: secret "scan-db" not found')
    assert trouble(stuck) is not None
    assert only(pod("scan-1", waiting(reason))).message == f"pod scan-1: {reason}"


def test_a_container_other_than_the_domains_own_is_named() -> None:
    assert only(pod("scan-1", waiting("ErrImagePull", "no", name="proxy"))).message == (
        "pod scan-1, container proxy: no"
    )
    init = pod("scan-1", initContainerStatuses=[waiting("ErrImagePull", "no", name="fetch")])
    assert only(init).message == "pod scan-1, container fetch: no"


def test_a_crash_is_told_with_exit_code_restarts_and_last_words() -> None:
    found = only(pod("scan-1", crashing(exitCode=3, message="no database\n", reason="Error")))
    assert found == Cause("CrashLoopBackOff", "pod scan-1: exits with code 3 (4 restarts): no database")


def test_a_crash_of_which_little_is_known_is_told_all_the_same() -> None:
    assert only(pod("scan-1", crashing())).message == "pod scan-1: exits with code unknown (4 restarts)"
    assert only(pod("scan-1", crashing(exitCode=0))).message == "pod scan-1: exits with code 0 (4 restarts)"


@pytest.mark.parametrize(
    ("restarts", "state", "shown"),
    [
        (0, {"terminated": {"exitCode": 3}}, False),
        (1, {"running": {}}, False),
        (1, {"terminated": {"exitCode": 3}}, True),
        (2, {"running": {}}, True),
    ],
)
def test_a_crash_loop_does_not_seem_to_end_whenever_the_container_starts_again(
    restarts: int, state: dict[str, Any], shown: bool
) -> None:
    last = {"lastState": {"terminated": {"exitCode": 3}}} if restarts else {}
    again = pod("scan-1", {"name": "app", "state": state, "restartCount": restarts, **last})
    words = f"pod scan-1: exits with code 3 ({restarts} restarts)"
    assert cause(again) == (Cause("CrashLoopBackOff", words) if shown else None)
    assert (
        cause(pod("scan-1", {"name": "app", "state": state, "restartCount": restarts, "ready": True, **last})) is None
    )


def test_only_a_pod_that_runs_and_shows_no_trouble_is_merely_not_ready() -> None:
    conditions = [{"type": "Ready", "status": "False"}]
    running = {"name": "app", "state": {"running": {}}, "restartCount": 1, "started": True}
    assert unready(pod("scan-1", running, phase="Running", conditions=conditions)) == ("scan-1", ("app", 1, True))
    assert unready(pod("scan-1", running, phase="Pending", conditions=conditions)) is None
    assert unready(pod("scan-1", running, phase="Running", conditions=[{"type": "Ready", "status": "True"}])) is None
    assert unready(pod("scan-1", crashing(), phase="Running", conditions=conditions)) is None


def test_a_container_killed_for_its_memory_says_which_limit_to_raise() -> None:
    found = only(pod("scan-1", crashing(exitCode=137, reason="OOMKilled", restarts=7)))
    assert found.reason == "OOMKilled"
    assert "7 restarts" in found.message
    assert "raise resources.limits.memory" in found.message


def test_a_pod_that_fits_nowhere_repeats_the_schedulers_words() -> None:
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    stuck = pod("scan-1", conditions=[unscheduled])
    assert only(stuck) == Cause("Unschedulable", "pod scan-1: 0/3 nodes")
    assert trouble(stuck) is not None
    del unscheduled["message"]
    assert only(pod("scan-1", conditions=[unscheduled])).message == "pod scan-1: no node fits"
    unready = {"type": "Ready", "status": "False", "message": "containers not ready"}
    assert cause(pod("scan-1", conditions=[unready])) is None


def test_a_pod_that_fits_nowhere_says_which_nodes_were_wanted() -> None:
    stuck = pod("scan-1", conditions=[{"type": "PodScheduled", "status": "False", "message": "0/3 nodes"}])
    live = deployment(template={"spec": {"nodeSelector": {"zone": "a", "domain": "scan"}}})
    assert cause(stuck, live=live) == Cause(
        "Unschedulable", "pod scan-1: 0/3 nodes; wanted are nodes labelled domain=scan,zone=a"
    )


def test_an_evicted_pod_tells_why() -> None:
    found = only(pod("scan-1", phase="Failed", reason="Evicted", message="low on memory"))
    assert found == Cause("Evicted", "pod scan-1: low on memory")
    assert only(pod("scan-1", phase="Failed", reason="Evicted")).message == "pod scan-1: Evicted"
    assert cause(pod("scan-1", phase="Failed")) is None


def test_the_most_telling_cause_wins_and_then_the_first_by_name() -> None:
    unscheduled = pod("a", conditions=[{"type": "PodScheduled", "status": "False"}])
    crash, config, image = pod("b", crashing()), pod("c", waiting("CreateContainerConfigError")), None
    assert only(unscheduled, crash).reason == "CrashLoopBackOff"
    assert only(unscheduled, crash, config).reason == "CreateContainerConfigError"
    image = pod("d", waiting("ErrImagePull"))
    assert only(unscheduled, crash, config, image).reason == "ErrImagePull"
    assert only(pod("z", crashing()), pod("y", crashing())).message.startswith("pod y")


def test_only_pods_of_the_newest_replica_set_explain_the_rollout() -> None:
    sets = [replica_set(NEW, revision=10), replica_set(OLD, revision=9)]
    old = pod("scan-old", crashing(exitCode=1), template=OLD)
    assert cause(old, sets=sets) is None
    new = pod("scan-new", waiting("ErrImagePull"))
    assert cause(old, new, sets=sets) == Cause("ErrImagePull", "pod scan-new: ErrImagePull")
    assert cause(old, new, sets=[replica_set(NEW, revision=None), replica_set(OLD, revision=1)]) is not None


def test_pods_on_their_way_out_explain_nothing() -> None:
    assert cause(pod("scan-1", crashing(), deleted=True)) is None


def test_a_used_up_quota_is_told_though_there_is_no_pod() -> None:
    message = 'pods "scan-x" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=5, limited: pods=5'
    found = cause(sets=[replica_set(failure=message)])
    assert found == Cause("QuotaExceeded", f"pods cannot be created: {message}")


def test_pods_refused_for_another_reason_are_told_so() -> None:
    found = cause(sets=[replica_set(failure="admission webhook denied the request")])
    assert found == Cause("PodsRefused", "pods cannot be created: admission webhook denied the request")


def test_a_refusal_of_an_old_replica_set_does_not_count() -> None:
    sets = [replica_set(OLD, revision=1, failure="exceeded quota"), replica_set(NEW, revision=2)]
    assert cause(sets=sets) is None


DEADLINE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}


def test_pods_that_run_but_never_become_ready_meet_the_deadline() -> None:
    found = cause(live=deployment(DEADLINE, progressDeadlineSeconds=300))
    assert found is not None
    assert found.reason == "ProgressDeadlineExceeded"
    assert "no progress for 300 s" in found.message
    assert "readiness probe" in found.message


def test_a_cause_in_a_pod_says_more_than_the_deadline() -> None:
    found = cause(pod("scan-1", crashing()), live=deployment(DEADLINE))
    assert found is not None
    assert found.reason == "CrashLoopBackOff"


def test_a_deployment_that_progresses_shows_no_cause() -> None:
    assert cause(live=deployment({"type": "Progressing", "reason": "ReplicaSetUpdated"})) is None
    assert cause(live=deployment({"type": "Available", "reason": "ProgressDeadlineExceeded"})) is None
