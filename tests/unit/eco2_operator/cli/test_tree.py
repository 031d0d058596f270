"""Everything below one EcoDomain, down to the last error."""

import pytest

from eco2_operator.cli.status.summary import summarize
from eco2_operator.cli.status.tree import child_branch, pod_branch, tree

UNSCHEDULED = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 fit"}
FAKE = frozenset({"fake"})


def item(kind, name="scan", uid="u1"):
    return {"group": "", "kind": kind, "namespace": "scan", "name": name, "uid": uid}


def live(kind, *, uid="u1", spec=None, status=None, **metadata):
    return {
        "kind": kind,
        "metadata": {"name": "scan", "uid": uid, **metadata},
        "spec": spec or {},
        "status": status or {},
    }


@pytest.mark.parametrize(
    ("kind", "spec", "status", "state", "well"),
    [
        ("Deployment", {"replicas": 2}, {"readyReplicas": 2}, "2/2 ready", True),
        ("Deployment", {"replicas": 2}, {}, "0/2 ready", False),
        (
            "Service",
            {"ports": [{"port": 80, "targetPort": "http", "nodePort": 31667}]},
            {},
            "node port 31667 -> 80 -> http",
            True,
        ),
        ("Service", {"ports": [{"port": 80}, {"port": 90}]}, {}, "80 -> 80, 90 -> 90", True),
        ("HorizontalPodAutoscaler", {"minReplicas": 2, "maxReplicas": 6}, {"currentReplicas": 3}, "3 of 2-6", True),
        (
            "HorizontalPodAutoscaler",
            {"maxReplicas": 6},
            {"conditions": [{"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric"}]},
            "0 of 1-6, FailedGetResourceMetric",
            False,
        ),
        ("PodDisruptionBudget", {}, {"disruptionsAllowed": 1}, "1 may go", True),
        ("ServiceAccount", {}, {}, "", True),
    ],
)
def test_children_say_how_they_are(kind, spec, status, state, well):
    branch = child_branch(item(kind), live(kind, spec=spec, status=status))
    assert (branch.state, branch.well) == (state, well)


def test_a_child_may_be_missing_foreign_or_on_its_way_out():
    assert child_branch(item("Service"), None).state == "missing"
    assert child_branch(item("Service"), live("Service", uid="u2")).state == "foreign"
    assert child_branch(item("Service"), live("Service", deletionTimestamp="now")).state == "being deleted"


def test_pods_hang_below_the_deployment(make):
    domain = make.domain(status=make.status())
    pods = [make.pod("scan-b"), make.pod("scan-a")]
    children = [(item("Service"), live("Service")), (item("Deployment"), live("Deployment"))]
    root = tree(summarize(domain, pods, FAKE), children, pods, FAKE, {})
    assert [branch.kind for branch in root.below] == ["Service", "Deployment"]
    assert [branch.name for branch in root.below[1].below] == ["scan-a", "scan-b"]


def test_pods_without_a_deployment_are_shown_all_the_same(make):
    root = tree(summarize(make.domain(), [], FAKE), [], [make.pod()], FAKE, {})
    assert [branch.kind for branch in root.below] == ["Pod"]


def not_ready(**status):
    return {"phase": "Pending", "conditions": [{"type": "Ready", "status": "False"}], **status}


def waiting(reason, message=""):
    return {"waiting": {"reason": reason, "message": message} if message else {"reason": reason}}


def container(state=None, last=None, **more):
    return {"name": "app", "ready": False, "restartCount": 0, "state": state or {}, "lastState": last or {}, **more}


@pytest.mark.parametrize(
    ("status", "state", "error"),
    [
        (
            not_ready(containerStatuses=[container(waiting("ImagePullBackOff", "no such tag"))]),
            "ImagePullBackOff, on n1",
            "container app: no such tag",
        ),
        (
            not_ready(
                containerStatuses=[
                    container(
                        waiting("CrashLoopBackOff", "back-off"),
                        {"terminated": {"exitCode": 137, "reason": "OOMKilled", "message": "bye\n"}},
                        restartCount=3,
                    )
                ]
            ),
            "CrashLoopBackOff, on n1, 3 restarts",
            "container app: back-off; last exit code 137 (OOMKilled): bye",
        ),
        (
            not_ready(containerStatuses=[container({"terminated": {"exitCode": 2}})]),
            "Error, on n1",
            "container app: last exit code 2 (Error)",
        ),
        (
            not_ready(containerStatuses=[container({"running": {}}, {"terminated": {"exitCode": 1}})]),
            "Restarted, on n1",
            "container app: last exit code 1 (Error)",
        ),
        (
            not_ready(initContainerStatuses=[container(waiting("CreateContainerConfigError"), name="init")]),
            "CreateContainerConfigError, on n1",
            "container init: CreateContainerConfigError",
        ),
        (
            not_ready(conditions=[UNSCHEDULED]),
            "Unschedulable, on n1",
            "0/3 fit",
        ),
        ({"phase": "Failed", "reason": "Evicted", "message": "disk", "conditions": []}, "Evicted, on n1", "disk"),
        (not_ready(containerStatuses=[container(waiting("ContainerCreating"))]), "Pending, on n1", "Unhealthy: 503"),
    ],
)
def test_a_pod_tells_its_last_error(make, status, state, error):
    branch = pod_branch(make.pod(**status), FAKE, "Unhealthy: 503")
    assert (branch.state, branch.well, branch.error) == (state, False, error)


def test_a_pod_that_is_well_has_no_error(make):
    branch = pod_branch(make.pod(node="fake"), FAKE, "an old warning")
    assert (branch.state, branch.well, branch.error) == ("ready, on fake, simulated", True, "")
    assert branch.facts == {"node": "fake", "simulated": True, "restarts": 0}


def test_a_pod_may_be_nowhere_or_on_its_way_out(make):
    pod = make.pod(node="", conditions=[])
    assert pod_branch(pod, FAKE, "").state == "Running, on no node"
    pod["metadata"]["deletionTimestamp"] = "now"
    assert pod_branch(pod, FAKE, "").state == "terminating, on no node"


def test_the_data_form_leaves_out_what_is_not_there():
    data = child_branch(item("Service"), None).as_data()
    assert data["error"]
    assert "below" not in data
    assert "error" not in child_branch(item("ServiceAccount"), live("ServiceAccount")).as_data()
