"""The template of the serving pods, hardened."""

from collections.abc import Mapping

from eco2_operator.build import hashes
from eco2_operator.build.container import app, extra_containers
from eco2_operator.build.context import Domain
from eco2_operator.build.fields import given, in_order
from eco2_operator.build.labels import labels
from eco2_operator.build.placement import placement
from eco2_operator.build.volumes import volumes
from eco2_operator.model.rollout import Rollout
from eco2_operator.model.template import PodSpec
from eco2_operator.naming import RESTART_ANNOTATION, SECRETS_ANNOTATION, Manifest, child_name


def pod_template(domain: Domain, secrets: Mapping[str, str]) -> Manifest:
    """What the Deployment makes pods from. Every change here replaces all pods.

    Args:
        secrets: hash of what the pods read of each Secret.
    """
    spec = domain.spec
    pod = spec.pod or PodSpec()
    rollout = spec.rollout or Rollout()
    body = given(
        {
            "serviceAccountName": child_name(domain.name),
            "automountServiceAccountToken": False,
            # A namespace with hundreds of Services would give every container thousands of variables.
            "enableServiceLinks": False,
            "priorityClassName": pod.priority_class_name,
            "terminationGracePeriodSeconds": rollout.termination_grace_period_seconds,
            "imagePullSecrets": [{"name": name} for name in spec.image_pull_secrets or ()],
            "securityContext": pod_security(pod.run_as_user),
            **placement(domain),
            "initContainers": extra_containers(spec),
            "containers": [app(spec)],
            "volumes": volumes(spec),
        }
    )
    return {"metadata": _metadata(domain, pod, secrets), "spec": body}


def _metadata(domain: Domain, pod: PodSpec, secrets: Mapping[str, str]) -> Manifest:
    annotations = in_order(pod.annotations)
    if secrets:
        annotations[SECRETS_ANNOTATION] = hashes.dump(secrets)
    if domain.restart is not None:
        annotations[RESTART_ANNOTATION] = domain.restart
    return given({"labels": {**in_order(pod.labels), **labels(domain)}, "annotations": annotations})


def pod_security(user: int) -> Manifest:
    """What holds for every container of a pod."""
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        # Always would walk every file of a large volume at each start.
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
