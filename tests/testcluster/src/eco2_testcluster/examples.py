"""The example resources: in which order they are applied, and which nodes they need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from eco2_testcluster.errors import ClusterError

SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class Examples:
    """What `make up` applies."""

    namespaces: tuple[dict[str, Any], ...] = ()
    rest: tuple[dict[str, Any], ...] = ()

    @property
    def domains(self) -> list[dict[str, Any]]:
        """The EcoDomains."""
        return [obj for obj in self.rest if obj.get("kind") == "EcoDomain"]

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
    objects = list(read_objects(folder))
    namespaces = tuple(obj for obj in objects if obj["kind"] == "Namespace")
    return Examples(namespaces, tuple(obj for obj in objects if obj["kind"] != "Namespace"))


def read_objects(folder: Path) -> Iterable[dict[str, Any]]:
    """The Kubernetes objects of the files below `folder`. Raises ClusterError naming a bad file."""
    for path in sorted(folder.rglob("*")):
        if path.suffix not in SUFFIXES:
            continue
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
