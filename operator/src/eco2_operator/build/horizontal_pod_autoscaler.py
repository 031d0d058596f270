"""The HorizontalPodAutoscaler: who decides the number of pods when the spec does not."""

from eco2_operator.build.context import Domain, DomainContext
from eco2_operator.build.labels import metadata
from eco2_operator.naming import Manifest, child_name


def build(domain: Domain, ctx: DomainContext) -> Manifest | None:
    """The autoscaler on average CPU use; None when the number of pods is fixed."""
    autoscaling = domain.spec.autoscaling
    if autoscaling is None:
        return None
    cpu = {"type": "Utilization", "averageUtilization": autoscaling.target_cpu_utilization}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(domain),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": child_name(domain.name),
            },
            "minReplicas": autoscaling.min_replicas,
            "maxReplicas": autoscaling.max_replicas,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": cpu}}],
        },
    }
