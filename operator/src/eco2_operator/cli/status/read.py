"""What `eco2 status` reads from the cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from eco2_operator.cli.cluster import Reader, Refused
from eco2_operator.cli.errors import CliError, note
from eco2_operator.cli.status.bindings import binding_branches
from eco2_operator.cli.status.migration import migration_branch
from eco2_operator.cli.status.summary import (
    SERVING_PODS,
    Summary,
    pods_of,
    simulated_names,
    summarize,
)
from eco2_operator.cli.status.tree import Branch, tree
from eco2_operator.kinds import ECO_DOMAIN, ECO_SECRET_BINDING, EVENT, POD, Kind, by_name
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


def find(reader: Reader, name: str, *, namespace: str | None) -> Manifest:
    """The EcoDomain of a name: in the namespace given, else in the present one, else in the only one that has it.

    Raises:
        CliError: when there is none, or more than one.
    """
    found = reader.get(ECO_DOMAIN, namespace or reader.namespace, name)
    if found is not None:
        return found
    everywhere = reader.objects(ECO_DOMAIN, namespace)
    same = [domain for domain in everywhere if domain["metadata"]["name"] == name]
    if len(same) == 1:
        return same[0]
    if same:
        places = ", ".join(sorted(domain["metadata"]["namespace"] for domain in same))
        raise CliError(f"several EcoDomains are named {name}: name the namespace with -n, one of {places}")
    where = f"namespace {namespace}" if namespace else "any namespace"
    raise CliError(f"no EcoDomain {name} in {where}: `eco2 status -A` lists all")


def read_tree(reader: Reader, domain: Manifest) -> tuple[Summary, Branch]:
    """A domain and everything below it."""
    metadata = domain["metadata"]
    around = Surroundings.read(reader, metadata["namespace"])
    pods = pods_of(domain, around.pods)
    inventory = (domain.get("status") or {}).get("inventory") or []
    kinds = [by_name(item["group"], item["kind"]) for item in inventory]
    wanted = [(kind, item["namespace"], item["name"]) for kind, item in zip(kinds, inventory, strict=True) if kind]
    live = iter(reader.get_many(wanted))
    children = [(item, next(live) if kind else _unread(item)) for kind, item in zip(kinds, inventory, strict=True)]
    summary = around.summary(domain)
    events = {} if summary.is_ready else _warnings(reader, metadata["namespace"])
    job = migration_branch(domain, around.pods, around.simulated_nodes, events)
    before = (*binding_branches(domain, around.bindings), *([job] if job is not None else []))
    return summary, tree(summary, children, pods, around.simulated_nodes, events, before)


def _unread(item: Mapping[str, str]) -> Manifest:
    """Stands for a child of a kind this version does not know: listed, but not judged."""
    return {"metadata": {"uid": item.get("uid")}}


def _warnings(reader: Reader, namespace: str) -> dict[str, str]:
    """The last warning about each object of a namespace, by uid."""
    events = [event for event in reader.objects(EVENT, namespace) if event.get("type") == "Warning"]
    events.sort(key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
    return {
        str(event["involvedObject"].get("uid")): f"{event.get('reason')}: {event.get('message')}" for event in events
    }
