"""What runs in a cluster's folder, written down so that another process can find it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from eco2_testcluster.processes import ProcessId

FORMAT = 1
FILE = "cluster.json"


@dataclass(frozen=True)
class Component:
    """One process of the cluster: how it was started, and where it says whether it is ready."""

    name: str
    argv: tuple[str, ...]
    health: str
    """URL that answers 200 when the component is ready; empty when there is none."""
    process: ProcessId | None = None
    """None when it is stopped on purpose."""


@dataclass(frozen=True)
class ClusterState:
    """The content of the state file."""

    ports: Mapping[str, int]
    fingerprint: str = ""
    """Changes with everything that would make a running cluster unfit for reuse."""
    owner: ProcessId | None = None
    """The process at whose end the cluster ends; None when it stays until somebody stops it."""
    guard: ProcessId | None = None
    """The process that sees to that."""
    ready: bool = False
    """False while the cluster is being started: what a crash leaves behind."""
    components: Mapping[str, Component] = field(default_factory=dict)

    def process_ids(self) -> list[ProcessId]:
        """Every process that was started, the last one first."""
        return [part.process for part in reversed(list(self.components.values())) if part.process]

    def with_component(self, component: Component) -> ClusterState:
        """The same state with this component added or exchanged."""
        return replace(self, components={**self.components, component.name: component})

    def without_component(self, name: str) -> ClusterState:
        """The same state without a component."""
        return replace(self, components={k: v for k, v in self.components.items() if k != name})

    def save(self, folder: Path) -> None:
        """Write the state file in one step: a reader sees the old one or the new one."""
        path = folder / FILE
        temporary = path.with_name(f".{FILE}.{os.getpid()}")
        temporary.write_text(json.dumps({"format": FORMAT, **asdict(self)}, indent=2) + "\n")
        temporary.replace(path)

    @classmethod
    def load(cls, folder: Path) -> ClusterState | None:
        """Read the state file; None when there is none, or none that can be understood."""
        try:
            document = json.loads((folder / FILE).read_text())
        except (FileNotFoundError, ValueError):
            return None
        if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
            return None
        try:
            components = {name: _component(part) for name, part in document.pop("components").items()}
            owner, guard = _process(document.pop("owner")), _process(document.pop("guard"))
            return cls(components=components, owner=owner, guard=guard, **document)
        except (KeyError, TypeError):
            return None


def remove_state(folder: Path) -> None:
    """Forget the cluster of a folder; nothing happens when there is none."""
    (folder / FILE).unlink(missing_ok=True)


def _component(part: dict[str, Any]) -> Component:
    process, argv = _process(part.pop("process")), tuple(part.pop("argv"))
    return Component(process=process, argv=argv, **part)


def _process(part: dict[str, Any] | None) -> ProcessId | None:
    return ProcessId(**part) if part else None
