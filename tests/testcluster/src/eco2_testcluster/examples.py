"""The example resources: in which order they are applied, and which nodes they need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from eco2_testcluster.errors import ClusterError

SUFFIXES = (".yaml", ".yml", ".json")
BROKEN = "broken"
"""The folder of the examples that fail on purpose."""


@dataclass(frozen=True)
class Examples:
    """What `make up` applies."""

    namespaces: tuple[dict[str, Any], ...] = ()
    working: tuple[dict[str, Any], ...] = ()
    broken: tuple[dict[str, Any], ...] = ()
    """What fails on purpose. It comes last: one of them wants the node port of an example that works."""

    @property
    def domains(self) -> list[dict[str, Any]]:
        """The EcoDomains."""
        return [obj for obj in (*self.working, *self.broken) if obj["kind"] == "EcoDomain"]

    @property
    def nodes(self) -> list[str]:
        """The names of the domain nodes that the EcoDomains ask for, sorted."""
        placements = [obj.get("spec", {}).get("placement", {}) for obj in self.domains]
        names = {place.get("node") or place.get("nodeSelector", {}).get("domain") for place in placements}
        return sorted(name for name in names if name)


def load_examples(folder: Path) -> Examples:
    """Read every YAML file below `folder`, in the order of their paths. Raises ClusterError naming a bad file."""
    if not folder.is_dir():
        raise ClusterError(f"{folder}: no such folder; run this in the repository, or name the folder")
    namespaces: list[dict[str, Any]] = []
    working: list[dict[str, Any]] = []
    broken: list[dict[str, Any]] = []
    for path in object_files(folder):
        others = broken if BROKEN in path.relative_to(folder).parts[:-1] else working
        for obj in read_objects(path):
            (namespaces if obj["kind"] == "Namespace" else others).append(obj)
    return Examples(tuple(namespaces), tuple(working), tuple(broken))


def object_files(folder: Path) -> list[Path]:
    """The files below `folder` that hold Kubernetes objects, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)


def read_objects(path: Path) -> Iterator[dict[str, Any]]:
    """The Kubernetes objects in a file. Raises ClusterError naming the file when it holds anything else."""
    try:
        documents = list(yaml.safe_load_all(path.read_text()))
    except yaml.YAMLError as error:
        raise ClusterError(f"{path}: {error}") from None
    for document in documents:
        if document is None:
            continue
        if not isinstance(document, dict) or not document.get("kind") or not document.get("apiVersion"):
            raise ClusterError(f"{path}: a document has no apiVersion and kind")
        yield document
