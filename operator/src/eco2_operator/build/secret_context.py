"""What the builders of an EcoSecretBinding may know besides the resource itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from eco2_operator.kinds import EXTERNAL_SECRET
from eco2_operator.model.resource import Resource
from eco2_operator.model.secret import EcoSecretBindingSpec
from eco2_operator.naming import Manifest

Binding = Resource[EcoSecretBindingSpec]
Backend = Literal["external-secrets", "ssm"]


@dataclass(frozen=True, slots=True)
class SecretContext:
    """What is known about the surroundings of one EcoSecretBinding."""

    backend: Backend
    """Who writes the Secret; see `backend`."""
    prefixes: tuple[str, ...] = ()
    """What the namespace may read under."""
    data: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Backend ssm: the values, by key."""
    external: Manifest | None = None
    """Backend external-secrets: the ExternalSecret there is, if any."""


def backend(spec: EcoSecretBindingSpec, served: frozenset[str]) -> Backend:
    """Who fetches the values. ``auto`` is External Secrets where it is installed and the binding names a store.

    Args:
        served: names of the optional kinds that the cluster serves.
    """
    if spec.backend != "auto":
        return spec.backend
    has_store = EXTERNAL_SECRET.name in served and spec.secret_store_ref is not None
    return "external-secrets" if has_store else "ssm"
