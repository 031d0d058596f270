"""How many pods a domain has at least."""

from eco2_operator.model.domain import EcoDomainSpec


def minimum(spec: EcoDomainSpec) -> int:
    """The number of pods that are never gone below on purpose."""
    if spec.autoscaling is not None:
        return spec.autoscaling.min_replicas
    return fixed(spec)


def fixed(spec: EcoDomainSpec) -> int:
    """The number of pods without autoscaling."""
    return 1 if spec.replicas is None else spec.replicas
