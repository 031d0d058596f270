"""Custom resource definitions, applied and waited for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eco2_testcluster.errors import ClusterError
from eco2_testcluster.examples import object_files, read_objects
from eco2_testcluster.kubectl import Kubectl


def read_definitions(folder: Path) -> list[dict[str, Any]]:
    """The definitions in a folder. Raises ClusterError when there are none."""
    crds = [crd for path in object_files(folder) for crd in read_objects(path)]
    if not crds:
        raise ClusterError(f"{folder}: no custom resource definitions there; `make crds` writes them")
    return crds


def apply_definitions(kubectl: Kubectl, crds: Sequence[Mapping[str, Any]]) -> None:
    """Returns when the API server serves them."""
    kubectl.apply(crds)
    names = [f"crd/{crd['metadata']['name']}" for crd in crds]
    kubectl.run("wait", "--for=condition=Established", "--timeout=60s", *names)
