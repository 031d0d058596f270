"""Namespaces and nodes: the labels and taints that EcoDomains count on. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from eco2_operator.cli.doctor.finding import Finding, missing, ok, optional
from eco2_operator.naming import Manifest

NAMESPACE_LABELS: Final = ("app.kubernetes.io/part-of", "tier", "role")
NODE_LABEL: Final = "domain"


def namespaces(domains: Iterable[Manifest], found: Iterable[Manifest]) -> Iterable[Finding]:
    """Whether the domains' namespaces say what they are for."""
    labels = {ns["metadata"]["name"]: ns["metadata"].get("labels") or {} for ns in found}
    used = sorted({domain["metadata"]["namespace"] for domain in domains})
    lacking = {name: [label for label in NAMESPACE_LABELS if not labels.get(name, {}).get(label)] for name in used}
    for name, names in lacking.items():
        if names:
            yield missing(
                "Namespaces",
                f"{name} lacks the labels {', '.join(names)}",
                f"kubectl label namespace {name} {' '.join(f'{label}=...' for label in names)}",
            )
    if used and not any(lacking.values()):
        yield ok("Namespaces", f"all {len(used)} of the domains carry part-of, tier and role")


def stores(domains: Iterable[Manifest], found: Iterable[Manifest]) -> Iterable[Finding]:
    """Whether the data stores that domains may call have a namespace."""
    users: dict[str, list[str]] = {}
    for domain in domains:
        for rule in ((domain.get("spec") or {}).get("access") or {}).get("outbound") or ():
            if rule.get("data"):
                users.setdefault(rule["data"], []).append(_name(domain))
    homes: dict[str, list[str]] = {}
    for namespace in found:
        store = (namespace["metadata"].get("labels") or {}).get("data-type")
        if store:
            homes.setdefault(store, []).append(namespace["metadata"]["name"])
    there = [store for store in sorted(users) if store in homes]
    if there:
        places = (f"{store} in {', '.join(sorted(homes[store]))}" for store in there)
        yield ok("Data stores", "; ".join(places))
    for store, names in sorted(users.items()):
        if store not in homes:
            yield missing(
                "Data stores",
                f"no namespace has the label data-type={store}, which {_some(names)} may call",
                f"kubectl label namespace NAME data-type={store}",
            )


def nodes(domains: Iterable[Manifest], found: Iterable[Manifest]) -> Iterable[Finding]:
    """Whether the nodes that domains are placed on exist, and keep others away."""
    users: dict[str, list[str]] = {}
    for domain in domains:
        node = ((domain.get("spec") or {}).get("placement") or {}).get("node")
        if node:
            users.setdefault(node, []).append(_name(domain))
    live = list(found)
    well = []
    for value, names in sorted(users.items()):
        labelled = [n for n in live if (n["metadata"].get("labels") or {}).get(NODE_LABEL) == value]
        if not labelled:
            yield missing(
                "Nodes",
                f"no node has the label domain={value}: the pods of {_some(names)} stay Pending",
                f"kubectl label node NODE domain={value}; kubectl taint node NODE domain={value}:NoSchedule",
            )
            continue
        open_nodes = [n["metadata"]["name"] for n in labelled if not _tainted(n, value)]
        if open_nodes:
            yield optional(
                "Nodes",
                f"{', '.join(open_nodes)}: no taint domain={value}, so other pods may run there",
                f"kubectl taint node {' '.join(open_nodes)} domain={value}:NoSchedule",
            )
        else:
            well.append(value)
    if well:
        yield ok("Nodes", f"labelled and tainted domain=...: {', '.join(well)}")


def _tainted(node: Mapping[str, Any], value: str) -> bool:
    taints = (node.get("spec") or {}).get("taints") or ()
    return any(t.get("key") == NODE_LABEL and t.get("value") == value for t in taints)


def _name(domain: Mapping[str, Any]) -> str:
    return f"{domain['metadata']['namespace']}/{domain['metadata']['name']}"


def _some(names: list[str]) -> str:
    """Names for a sentence: three at most."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
