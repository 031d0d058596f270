"""Labels, selector and metadata of the children."""

from collections.abc import Mapping
from typing import Literal

from eco2_operator.build.context import Domain
from eco2_operator.build.fields import given, in_order
from eco2_operator.model.domain import Role
from eco2_operator.naming import MANAGED_BY, MANAGED_BY_LABEL, Manifest, child_name, owner_reference

Component = Literal["workload", "access"]


def domain_label(domain: Domain) -> str:
    """The value of the label ``domain``, by which peers and nodes know this domain."""
    return domain.spec.domain or child_name(domain.name)


def selector(domain: Domain) -> dict[str, str]:
    """What tells the serving pods apart. A Deployment's selector is immutable: nothing else goes in here."""
    return {"app.kubernetes.io/name": child_name(domain.name), "domain": domain_label(domain)}


def role(domain: Domain) -> Role:
    """The given role, or the one the kind of workload suggests."""
    return domain.spec.role or ("worker" if domain.spec.workload == "worker" else "api")


def labels(domain: Domain, component: Component = "workload") -> dict[str, str]:
    """Every label of a child.

    Nothing is copied from the resource's own metadata: Argo CD and kubectl keep their books there, and
    ``app.kubernetes.io/instance`` is Argo CD's.
    """
    platform = domain.spec.tier == "infrastructure"
    return {
        **selector(domain),
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "ecoeco-platform" if platform else "ecoeco-backend",
        MANAGED_BY_LABEL: MANAGED_BY,
        "tier": domain.spec.tier,
        "role": role(domain),
    }


def metadata(
    domain: Domain, component: Component = "workload", *, annotations: Mapping[str, str] | None = None
) -> Manifest:
    """The metadata of a child named like its resource; without an owner in an offline render."""
    return given(
        {
            "name": child_name(domain.name),
            "namespace": domain.namespace,
            "labels": labels(domain, component),
            "annotations": in_order(annotations),
            "ownerReferences": [owner_reference(domain.key, domain.uid)] if domain.uid else None,
        }
    )
