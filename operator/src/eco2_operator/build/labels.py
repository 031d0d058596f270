"""Labels, selector and metadata of the children."""

from collections.abc import Mapping
from typing import Literal

from eco2_operator.build.context import Domain
from eco2_operator.build.fields import given, in_order
from eco2_operator.build.secret_context import Binding
from eco2_operator.model.domain import Role
from eco2_operator.naming import MANAGED_BY, MANAGED_BY_LABEL, Key, Manifest, child_name, owner_reference

Component = Literal["workload", "access", "migration", "secret", "entrance"]


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
        **common_labels(component, "ecoeco-platform" if platform else "ecoeco-backend"),
        "tier": domain.spec.tier,
        "role": role(domain),
    }


def binding_labels(binding: Binding) -> dict[str, str]:
    """Every label of what an EcoSecretBinding makes. It belongs to no tier, and several domains may read it."""
    return {"app.kubernetes.io/name": child_name(binding.name), **common_labels("secret", "ecoeco-backend")}


def metadata(
    domain: Domain, component: Component = "workload", *, annotations: Mapping[str, str] | None = None
) -> Manifest:
    """The metadata of a child named like its resource; without an owner in an offline render."""
    return _metadata(domain.key, domain.uid, labels(domain, component), annotations)


def binding_metadata(binding: Binding) -> Manifest:
    """The same for a child of an EcoSecretBinding."""
    return _metadata(binding.key, binding.uid, binding_labels(binding))


def common_labels(component: Component, part_of: str) -> dict[str, str]:
    """The labels of every child, whatever made it."""
    return {
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": part_of,
        MANAGED_BY_LABEL: MANAGED_BY,
    }


def _metadata(key: Key, uid: str, labels: Mapping[str, str], annotations: Mapping[str, str] | None = None) -> Manifest:
    return given(
        {
            "name": child_name(key.name),
            "namespace": key.namespace,
            "labels": labels,
            "annotations": in_order(annotations),
            "ownerReferences": [owner_reference(key, uid)] if uid else None,
        }
    )
