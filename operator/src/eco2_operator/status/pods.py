"""Why a rollout does not finish: the root cause, read from the pods of the newest ReplicaSet. Pure.

Reasons are the kubelet's and the scheduler's own words (kubernetes/pkg/kubelet/events, container states), so that a
person can search for them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from eco2_operator.naming import Manifest
from eco2_operator.slim import JOB_NAME_LABEL

_STARTING = ("ContainerCreating", "PodInitializing", "")
_WAITING_RANK = {
    "ErrImagePull": 0,
    "ImagePullBackOff": 0,
    "InvalidImageName": 0,
    "CreateContainerConfigError": 1,
    "CreateContainerError": 1,
    "CrashLoopBackOff": 2,
}


STUCK = "ProgressDeadlineExceeded"
"""Reason of a rollout that went on too long, while its pods show nothing by themselves."""
CRASHED = "CrashLoopBackOff"
UNHEALTHY = "Unhealthy"
"""Reason of the kubelet's Event about a probe that fails; nothing else tells of it."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why pods do not serve."""

    reason: str
    message: str
    pod: str = field(default="", compare=False)
    """Where it was found, for a crash."""
    container: str = field(default="", compare=False)
    exit_code: int | None = field(default=None, compare=False)


def diagnose(deployment: Manifest, replica_sets: Iterable[Manifest], pods: Iterable[Manifest]) -> Cause | None:
    """The most telling cause, or None while everything is merely starting.

    Args:
        deployment: the live Deployment.
        replica_sets: its ReplicaSets, slim.
        pods: its pods, slim.
    """
    known = list(replica_sets)
    refused = _replica_failure(max(known, key=_revision)) if known else None
    if refused is not None:
        return refused
    causes = [cause for pod in newest_pods(known, pods) for cause in _pod_causes(pod)]
    if causes:
        worst = min(causes, key=lambda cause: (_WAITING_RANK.get(cause.reason, 3), cause.message))
        return _with_wanted_nodes(worst, deployment) if worst.reason == "Unschedulable" else worst
    return _deadline(deployment)


def newest_pods(replica_sets: Iterable[Manifest], pods: Iterable[Manifest]) -> list[Manifest]:
    """The pods of the newest ReplicaSet that are not on their way out; those of a Job belong to none."""
    newest = max(replica_sets, key=_revision, default=None)
    template = _template_hash(newest) if newest is not None else ""
    mine = (pod for pod in pods if JOB_NAME_LABEL not in pod["metadata"].get("labels", {}))
    return [p for p in mine if _template_hash(p) == template and not p["metadata"].get("deletionTimestamp")]


def trouble(pod: Mapping[str, Any]) -> Cause | None:
    """The cause a pod by itself shows, if it does: then its resource is worth a look."""
    return next(iter(_pod_causes(pod)), None)


def unready(pod: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """In which state a pod is that runs and is not ready, though it shows no trouble; None for any other pod."""
    status = pod.get("status", {})
    ready = all(c["type"] != "Ready" for c in status.get("conditions", ()))  # only those that are not true are kept
    if status.get("phase") != "Running" or ready or trouble(pod) is not None:
        return None
    containers = (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
    states = ((c["name"], c.get("restartCount", 0), c.get("started", False)) for c in containers)
    return (pod["metadata"]["name"], *states)


def _revision(replica_set: Manifest) -> int:
    return int(replica_set["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision", 0))


def _template_hash(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"].get("labels", {}).get("pod-template-hash", ""))


def _replica_failure(replica_set: Manifest) -> Cause | None:
    """Pods that could not even be created: quota, limit ranges, admission."""
    for condition in replica_set.get("status", {}).get("conditions", ()):
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            message = condition.get("message", "")
            reason = "QuotaExceeded" if "exceeded quota" in message else "PodsRefused"
            return Cause(reason, f"pods cannot be created: {message}")
    return None


def _pod_causes(pod: Mapping[str, Any]) -> Iterable[Cause]:
    name = pod["metadata"]["name"]
    status = pod.get("status", {})
    for condition in status.get("conditions", ()):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            yield Cause("Unschedulable", f"pod {name}: {condition.get('message', 'no node fits')}")
    if status.get("phase") == "Failed" and status.get("reason"):
        yield Cause(status["reason"], f"pod {name}: {status.get('message', status['reason'])}")
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        cause = _container_cause(name, container)
        if cause is not None:
            yield cause


def _with_wanted_nodes(cause: Cause, deployment: Manifest) -> Cause:
    """The scheduler names the taints that stand in the way, but not the labels it looked for."""
    labels = deployment["spec"].get("template", {}).get("spec", {}).get("nodeSelector") or {}
    if not labels:
        return cause
    wanted = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return Cause(cause.reason, f"{cause.message}; wanted are nodes labelled {wanted}")


def _container_cause(pod: str, container: Mapping[str, Any]) -> Cause | None:
    waiting = container.get("state", {}).get("waiting")
    if waiting is None:
        return _crash(pod, container) if _ends_again(container) else None
    reason = waiting.get("reason", "")
    if reason in _STARTING:
        return None
    if reason == CRASHED:
        return _crash(pod, container)
    return Cause(reason, f"{_where(pod, container)}: {waiting.get('message') or reason}")


def _where(pod: str, container: Mapping[str, Any]) -> str:
    return f"pod {pod}" if container["name"] == "app" else f"pod {pod}, container {container['name']}"


def _ends_again(container: Mapping[str, Any]) -> bool:
    """Whether a container that runs, or has just ended, will most likely be back in its crash loop in a moment.

    The first restart comes at once and may help; the kubelet waits before the second.
    """
    if container.get("ready") or not container.get("lastState", {}).get("terminated"):
        return False
    return int(container.get("restartCount", 0)) >= (1 if "terminated" in container.get("state", {}) else 2)


def _crash(pod: str, container: Mapping[str, Any]) -> Cause:
    """A container that ends again and again: its exit code and last words."""
    where = _where(pod, container)
    last = container.get("state", {}).get("terminated") or container.get("lastState", {}).get("terminated") or {}
    code = last.get("exitCode", "unknown")
    restarts = container.get("restartCount", 0)
    if last.get("reason") == "OOMKilled":
        return Cause(
            "OOMKilled",
            f"{where}: used more memory than its limit and was killed ({restarts} restarts): "
            "raise resources.limits.memory",
        )
    words = f": {last['message'].strip()}" if last.get("message") else ""
    return Cause(
        CRASHED,
        f"{where}: exits with code {code} ({restarts} restarts){words}",
        pod,
        container["name"],
        last.get("exitCode"),
    )


def _deadline(deployment: Manifest) -> Cause | None:
    for condition in deployment.get("status", {}).get("conditions", ()):
        if condition.get("type") == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            seconds = deployment["spec"].get("progressDeadlineSeconds", 600)
            return Cause(
                STUCK,
                f"no progress for {seconds} s: the new pods run but do not become ready; "
                "look at their logs and at the readiness probe",
            )
    return None
