"""Pods that do not come up are explained: which pod, what the kubelet or the scheduler says, what to do. And a mended
spec makes it Ready again."""

from collections.abc import Callable

import pytest
from support.api import RESOURCE_QUOTA, Api
from support.audit import AuditTrail
from support.domains import IMAGE, Domain
from support.waits import eventually, stays

from eco2_operator.kinds import DEPLOYMENT

pytestmark = pytest.mark.cluster

NewDomain = Callable[..., Domain]
MISSING = "docker.io/mng990/eco2:missing-image"


def test_an_image_that_cannot_be_pulled_is_named_with_its_pod(new_domain: NewDomain, audit: AuditTrail) -> None:
    domain = new_domain(image=MISSING)
    message = domain.becomes("False", "ImagePullBackOff")
    assert MISSING in message
    assert any(pod["metadata"]["name"] in message for pod in domain.pods())
    assert domain.condition("WorkloadAvailable")["reason"] == "ImagePullBackOff"
    assert domain.condition("ChildrenApplied")["status"] == "True"
    assert domain.condition("Stalled")["status"] == "True"
    audit.becomes_quiet(namespace=domain.namespace, for_=3)
    domain.patch(image=IMAGE)
    domain.becomes_ready()
    assert domain.condition("Stalled")["status"] == "False"
    assert ("Warning", "ImagePullBackOff") in domain.events()
    eventually(lambda: domain.events()[-1] == ("Normal", "Ready"))


def test_a_bad_new_version_leaves_the_old_pods_serving(domain: Domain) -> None:
    domain.patch(image=MISSING)
    message = domain.becomes("False", "ImagePullBackOff")
    assert "2 older pods go on serving" in message
    stays(lambda: domain.status["readyReplicas"] == 2)
    domain.patch(image=IMAGE)
    domain.becomes_ready()


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [("3", "CrashLoopBackOff", "exits with code 3"), ("137", "OOMKilled", "raise resources.limits.memory")],
)
def test_a_crash_is_told_with_its_exit_code(new_domain: NewDomain, code: str, reason: str, words: str) -> None:
    annotations = {"kwok.eco2.growbin.app/crash": code, "kwok.eco2.growbin.app/crash-message": "no database"}
    domain = new_domain(pod={"annotations": annotations})
    message = domain.becomes("False", reason)
    assert words in message
    assert any(pod["metadata"]["name"] in message for pod in domain.pods())
    if reason == "CrashLoopBackOff":
        assert "no database" in message
    domain.patch(pod=None)
    domain.becomes_ready()


def test_an_exhausted_quota_is_named(api: Api, namespace: str, new_domain: NewDomain) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small", "namespace": namespace},
        "spec": {"hard": {"pods": "1"}},
    }
    api.create(RESOURCE_QUOTA, quota)
    eventually(lambda: api.read(RESOURCE_QUOTA, namespace, "small")["status"]["hard"])
    domain = new_domain()
    assert "small" in domain.becomes("False", "QuotaExceeded")
    api.delete(RESOURCE_QUOTA, namespace, "small")
    domain.patch(replicas=1)
    domain.becomes_ready()


def test_a_node_that_does_not_exist_is_told_by_the_scheduler(new_domain: NewDomain) -> None:
    domain = new_domain(placement={"node": "nowhere"})
    message = domain.becomes("False", "Unschedulable")
    assert "node affinity/selector" in message
    assert "domain=nowhere" in message
    stays(lambda: domain.says("Ready", "False", "Unschedulable"))
    domain.patch(placement=None)
    domain.becomes_ready()


def test_pods_that_never_become_ready_are_given_up_at_the_deadline(new_domain: NewDomain) -> None:
    never = {"annotations": {"kwok.eco2.growbin.app/ready-after": "24h"}}
    domain = new_domain(pod=never, rollout={"progressDeadlineSeconds": 10})
    assert "readiness probe" in domain.becomes("False", "ProgressDeadlineExceeded")
    domain.patch(pod=None)
    domain.becomes_ready()


def test_a_deployment_paused_by_a_person_is_left_paused(domain: Domain) -> None:
    domain.edit(DEPLOYMENT, {"spec": {"paused": True}}, manager="kubectl-rollout")
    domain.patch(image="docker.io/mng990/eco2:scan-1.0.1")
    eventually(lambda: domain.says("Ready", "False"))
    stays(lambda: domain.child(DEPLOYMENT)["spec"]["paused"] is True)
    domain.edit(DEPLOYMENT, {"spec": {"paused": None}}, manager="kubectl-rollout")
    domain.becomes_ready()
