"""The Deployment."""

from eco2_operator.build.context import Domain, DomainContext
from eco2_operator.build.fields import given
from eco2_operator.build.labels import metadata, selector
from eco2_operator.build.pod_template import pod_template
from eco2_operator.build.scale import fixed
from eco2_operator.model.rollout import Rollout
from eco2_operator.naming import Manifest

HISTORY = 5
"""Old ReplicaSets that are kept for a rollback."""


def build(domain: Domain, ctx: DomainContext) -> Manifest:
    """The Deployment; with autoscaling it leaves ``replicas`` to the HorizontalPodAutoscaler."""
    spec = domain.spec
    rollout = spec.rollout or Rollout()
    rolling = {"maxSurge": rollout.max_surge, "maxUnavailable": rollout.max_unavailable}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(domain),
        "spec": given(
            {
                "replicas": fixed(spec) if spec.autoscaling is None else None,
                "revisionHistoryLimit": HISTORY,
                "progressDeadlineSeconds": rollout.progress_deadline_seconds,
                "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
                "selector": {"matchLabels": selector(domain)},
                "template": pod_template(domain, ctx.secrets),
            }
        ),
    }
