"""Local Kubernetes clusters for `make up`, the tests and the benchmark.

The parts a test needs are importable from here; they are loaded when they are first asked for, because
pytest loads this package at every start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eco2_testcluster.audit import Audit
    from eco2_testcluster.embedded import EmbeddedCluster
    from eco2_testcluster.nodes import Node, Taint, domain_node, domain_nodes

__all__ = ["Audit", "EmbeddedCluster", "Node", "Taint", "domain_node", "domain_nodes"]

_HOMES = {
    "Audit": "audit",
    "EmbeddedCluster": "embedded",
    "Node": "nodes",
    "Taint": "nodes",
    "domain_node": "nodes",
    "domain_nodes": "nodes",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
