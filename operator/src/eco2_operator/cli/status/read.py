"""What `eco2 status` reads from the cluster."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from eco2_operator.claims import Scope, scope_of
from eco2_operator.cli.cluster import Reader, Refused
from eco2_operator.cli.entrances import gateways
from eco2_operator.cli.errors import CliError, note
from eco2_operator.cli.status.bindings import binding_branches
from eco2_operator.cli.status.entrances import EntranceSummary, entrance_tree, shared_branch, summarize_entrance
from eco2_operator.cli.status.migration import migration_branch
from eco2_operator.cli.status.summary import (
    SERVING_PODS,
    Summary,
    pods_of,
    simulated_names,
    summarize,
)
from eco2_operator.cli.status.tree import Branch, tree
from eco2_operator.kinds import ECO_DOMAIN, ECO_SECRET_BINDING, ENVOY_FILTER, EVENT, POD, Kind, by_name
from eco2_operator.naming import Manifest

NODE = Kind("", "v1", "Node", "nodes")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is read once for all domains."""

    pods: Sequence[Manifest]
    simulated_nodes: frozenset[str]
    bindings: Sequence[Manifest] = ()

    @classmethod
    def read(cls, reader: Reader, namespace: str | None) -> "Surroundings":
        """Pods and EcoSecretBindings of the namespace, or of all, and the nodes."""
        return cls(
            reader.objects(POD, namespace, selector=SERVING_PODS),
            simulated_names(_nodes(reader)),
            reader.objects(ECO_SECRET_BINDING, namespace),
        )

    def summary(self, domain: Manifest) -> Summary:
        """One domain summed up."""
        return summarize(domain, pods_of(domain, self.pods), self.simulated_nodes)


def _nodes(reader: Reader) -> list[Manifest]:
    """The nodes; who may not list them (they belong to no namespace) sees the table without the mark."""
    try:
        return reader.objects(NODE)
    except Refused as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        note("note: you may not list nodes, so simulated pods are not marked")
        return []


def find(reader: Reader, name: str, *, namespace: str | None, kind: Kind = ECO_DOMAIN) -> Manifest:
    """The resource of a name: in the namespace given, else in the present one, else in the only one that has it.

    Raises:
        CliError: when there is none, or more than one.
    """
    found = reader.get(kind, namespace or reader.namespace, name)
    if found is not None:
        return found
    everywhere = reader.objects(kind, namespace)
    same = [obj for obj in everywhere if obj["metadata"]["name"] == name]
    if len(same) == 1:
        return same[0]
    if same:
        places = ", ".join(sorted(obj["metadata"]["namespace"] for obj in same))
        raise CliError(f"several {kind.name}s are named {name}: name the namespace with -n, one of {places}")
    where = f"namespace {namespace}" if namespace else "any namespace"
    raise CliError(f"no {kind.name} {name} in {where}: `eco2 status -A` lists all")


def read_tree(reader: Reader, domain: Manifest) -> tuple[Summary, Branch]:
    """A domain and everything below it."""
    metadata = domain["metadata"]
    around = Surroundings.read(reader, metadata["namespace"])
    pods = pods_of(domain, around.pods)
    children = _children(reader, domain)
    summary = around.summary(domain)
    events = {} if summary.is_ready else _warnings(reader, [metadata["namespace"]])
    job = migration_branch(domain, around.pods, around.simulated_nodes, events)
    before = (*binding_branches(domain, around.bindings), *([job] if job is not None else []))
    return summary, tree(summary, children, pods, around.simulated_nodes, events, before)


def read_entrance(reader: Reader, ingress: Manifest) -> tuple[EntranceSummary, Branch]:
    """An EcoIngress and everything below it."""
    summary, scope = summarize_entrance(ingress), scope_of(ingress["spec"])
    shared: tuple[Branch, ...] = ()
    try:
        children = _children(reader, ingress)
        if scope != Scope():
            ref = gateways.filter_of(scope)
            shared = (shared_branch(ingress, ref, reader.get(ENVOY_FILTER, ref.namespace, ref.name)),)
        places = {summary.namespace, *(item["namespace"] for item, _ in children)}
        events = {} if summary.is_ready else _warnings(reader, sorted(places))
    except Refused as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        note("note: you may not read everything it consists of: only its status is shown")
        children, events = [], {}
    return summary, entrance_tree(summary, ingress, children, shared, events)


def _children(reader: Reader, obj: Manifest) -> list[tuple[Mapping[str, str], Manifest | None]]:
    """The inventory of a resource, each entry with the live object."""
    inventory = (obj.get("status") or {}).get("inventory") or []
    kinds = [by_name(item["group"], item["kind"]) for item in inventory]
    wanted = [(kind, item["namespace"], item["name"]) for kind, item in zip(kinds, inventory, strict=True) if kind]
    live = iter(reader.get_many(wanted))
    return [(item, next(live) if kind else _unread(item)) for kind, item in zip(kinds, inventory, strict=True)]


def _unread(item: Mapping[str, str]) -> Manifest:
    """Stands for a child of a kind this version does not know: listed, but not judged."""
    return {"metadata": {"uid": item.get("uid")}}


def _warnings(reader: Reader, namespaces: Iterable[str]) -> dict[str, str]:
    """The last warning about each object of some namespaces, by uid."""
    every = (event for namespace in namespaces for event in reader.objects(EVENT, namespace))
    events = [event for event in every if event.get("type") == "Warning"]
    events.sort(key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
    return {
        str(event["involvedObject"].get("uid")): f"{event.get('reason')}: {event.get('message')}" for event in events
    }
