"""The parts NetworkPolicy rules are made of.

All lists of networking.k8s.io/v1 are atomic: they are compared whole, so every default is spelled out.
An empty ``from``, ``to`` or ``ports`` would mean *everything*: callers leave such rules out.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from eco2_operator.build.fields import in_order
from eco2_operator.naming import Manifest

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""Label every namespace carries, set by the API server."""


ISTIOD_LABELS = {"app": "istiod"}
"""Istio's own label of its control plane."""


def tcp(numbers: Iterable[int]) -> list[Manifest]:
    """TCP ports in ascending order."""
    return [port(number) for number in sorted(set(numbers))]


def port(number: int, protocol: str = "TCP") -> Manifest:
    """One port."""
    return {"protocol": protocol, "port": number}


def pods(namespace: str, labels: Mapping[str, str]) -> Manifest:
    """Pods with these labels in one namespace; all its pods when no labels are given."""
    if not labels:
        return whole_namespace(namespace)
    return {**whole_namespace(namespace), "podSelector": {"matchLabels": in_order(labels)}}


def whole_namespace(namespace: str) -> Manifest:
    """Every pod of one namespace."""
    return namespaces({NAMESPACE_NAME: namespace})


def namespaces(labels: Mapping[str, str]) -> Manifest:
    """Every pod of the namespaces with these labels."""
    return {"namespaceSelector": {"matchLabels": in_order(labels)}}


def domains(peers: Iterable[tuple[str, str]]) -> list[Manifest]:
    """Pods of domains, given as (namespace, domain label); sorted, each once."""
    return [pods(namespace, {"domain": label}) for namespace, label in sorted(set(peers))]


def block(cidr: str, excluded: Iterable[str] = ()) -> Manifest:
    """An address range, less some parts of it."""
    body: dict[str, Any] = {"cidr": cidr}
    if holes := list(excluded):
        body["except"] = holes
    return {"ipBlock": body}
