"""The status of an EcoDomain, from what was applied and what is live. Pure.

`Ready` is True when every child is as wanted and the pods of this generation serve.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eco2_operator.build.access import SEVERITY, Refusal, access, in_words
from eco2_operator.build.container import APP
from eco2_operator.build.image import is_mutable
from eco2_operator.errors import ChildError, Eco2Error
from eco2_operator.migrations import NO_MIGRATION, Stage
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import Resource
from eco2_operator.model.status import Status
from eco2_operator.naming import Manifest
from eco2_operator.outcomes import Outcome
from eco2_operator.status.conditions import Fact, Truth, find, merge
from eco2_operator.status.inventory import inventory
from eco2_operator.status.pods import CRASHED, STUCK, UNHEALTHY, Cause, diagnose, newest_pods

_ON_THE_WAY = ("Progressing", "NotCreated", "SecretMissing", "Running", UNHEALTHY)
"""Reasons that pass by themselves, or as soon as something arrives."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What was found in one reconcile."""

    outcomes: Sequence[Outcome]
    refused: Sequence[Refusal] = ()
    deployment: Manifest | None = None
    autoscaler: Manifest | None = None
    replica_sets: Sequence[Manifest] = ()
    pods: Sequence[Manifest] = ()
    node_ports: Mapping[str, int] = field(default_factory=dict)
    probe: str = ""
    """What the kubelet last said of a failing probe."""
    last_words: str = ""
    """What a container wrote before it crashed."""
    migration: Stage = NO_MIGRATION
    missing: Sequence[str] = ()
    """Secrets and ConfigMaps, or keys of them, that pods would read and that are not there."""
    stale_bindings: Sequence[str] = ()
    """EcoSecretBindings that could not be read anew: the pods have the last good values."""


def of_domain(domain: Resource[EcoDomainSpec], seen: Observation, *, previous: Mapping[str, Any], now: str) -> Status:
    """The whole status; equal to ``previous`` when nothing changed."""
    children = _children_applied(seen.outcomes)
    workload = _workload_available(domain, seen)
    accepted = _access_accepted(domain, seen.refused)
    parts = (children, _secrets_ready(seen), _migration_complete(seen.migration), workload, accepted)
    facts = [*_summary(parts, settled=_error_is_final(seen.outcomes)), *parts, _image_mutable(domain)]
    live = (seen.deployment or {}).get("status", {})
    status: Status = {
        "observedGeneration": domain.generation,
        "conditions": merge(facts, previous.get("conditions") or (), generation=domain.generation, now=now),
        "inventory": inventory(seen.outcomes, previous),
        "replicas": live.get("replicas", 0),
        "readyReplicas": live.get("readyReplicas", 0),
        "image": _image(domain, seen),
    }
    if seen.node_ports:
        status["nodePorts"] = dict(sorted(seen.node_ports.items()))
        status["nodePort"] = seen.node_ports.get(_first_port(domain), next(iter(seen.node_ports.values())))
    if domain.spec.workload == "service":
        status["url"] = f"http://{domain.name}.{domain.namespace}.svc.cluster.local"
    if seen.migration.record is not None:
        status["migration"] = dict(seen.migration.record)
    return status


def of_error(error: Eco2Error, *, generation: int, previous: Mapping[str, Any], now: str) -> Status:
    """The status of a resource that cannot be understood: the children stay as they are, the inventory is kept."""
    facts = [
        Fact("Ready", "False", error.reason, str(error)),
        Fact("Reconciling", "False", error.reason, "waits for a new spec"),
        Fact("Stalled", "True", error.reason, str(error)),
    ]
    return _keeping(previous, facts, generation=generation, now=now)


def of_suspended(*, generation: int, previous: Mapping[str, Any], now: str) -> Status:
    """The status of a suspended resource: nothing is claimed about its children."""
    message = "suspended: the children are left alone; remove spec.suspend or the annotation to go on"
    facts = [
        Fact("Ready", "Unknown", "Suspended", message),
        Fact("Reconciling", "False", "Suspended", message),
        Fact("Stalled", "False", "Suspended", message),
    ]
    return _keeping(previous, facts, generation=generation, now=now)


def _keeping(previous: Mapping[str, Any], facts: Sequence[Fact], *, generation: int, now: str) -> Status:
    kept = {k: v for k, v in previous.items() if k not in ("conditions", "observedGeneration")}
    conditions = merge(facts, previous.get("conditions") or (), generation=generation, now=now)
    return {**kept, "observedGeneration": generation, "conditions": conditions}


def _children_applied(outcomes: Sequence[Outcome]) -> Fact:
    failed = [(outcome, outcome.error) for outcome in outcomes if outcome.error is not None]
    if not failed:
        return Fact("ChildrenApplied", "True", "Applied", f"{len(_kept(outcomes))} objects are as wanted")
    errors = [error for _, error in failed]
    return Fact("ChildrenApplied", "False", errors[0].reason, "; ".join(str(error) for error in errors))


def _secrets_ready(seen: Observation) -> Fact:
    if seen.missing:
        message = (
            f"the pods wait for {', '.join(seen.missing)}: create it, or correct the name; it is taken up by itself"
        )
        return Fact("SecretsReady", "False", "SecretMissing", message)
    if seen.stale_bindings:
        return Fact(
            "SecretsReady", "True", "LastGood", f"last good values are in use: {'; '.join(seen.stale_bindings)}"
        )
    return Fact("SecretsReady", "True", "Present", "everything the pods read is there")


def _migration_complete(stage: Stage) -> Fact:
    truth: Truth = "True" if stage.passed else "Unknown" if stage.step == "waiting" else "False"
    return Fact("MigrationComplete", truth, stage.reason, stage.message)


def _error_is_final(outcomes: Sequence[Outcome]) -> bool:
    """Whether an error stands that waiting will hardly mend: somebody has to act."""
    waiting = ("ApiUnavailable", "Conflict", "NamespaceGone")
    return any(isinstance(o.error, ChildError) and o.error.reason not in waiting for o in outcomes)


def _workload_available(domain: Resource[EcoDomainSpec], seen: Observation) -> Fact:
    deployment = seen.deployment
    if deployment is None:
        return Fact("WorkloadAvailable", "False", "NotCreated", "the Deployment does not exist yet")
    live = deployment.get("status", {})
    wanted = deployment["spec"].get("replicas", 1)
    updated, available = live.get("updatedReplicas", 0), live.get("availableReplicas", 0)
    old = live.get("replicas", 0) - updated
    current = live.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 1)
    if current and updated >= wanted and available >= wanted and old <= 0:
        return _serving(f"{available} of {wanted} pods serve", seen.autoscaler)
    cause = _told(diagnose(deployment, seen.replica_sets, seen.pods), seen)
    if cause is not None:
        return Fact("WorkloadAvailable", "False", cause.reason, _with_old_pods(cause, min(old, available)))
    return Fact("WorkloadAvailable", "False", "Progressing", f"{min(updated, available)} of {wanted} new pods serve")


def _told(cause: Cause | None, seen: Observation) -> Cause | None:
    """The cause with what others had to be asked for."""
    if cause is None:
        return Cause(UNHEALTHY, seen.probe) if seen.probe else None
    if cause.reason == CRASHED and seen.last_words and seen.last_words not in cause.message:
        cause = Cause(cause.reason, f"{cause.message}: {seen.last_words}")
    if cause.reason in (CRASHED, STUCK) and seen.probe:
        cause = Cause(cause.reason, f"{cause.message}; the kubelet says: {seen.probe}")
    return cause


def _serving(message: str, autoscaler: Manifest | None) -> Fact:
    """The pods serve; but an autoscaler that gets no metrics leaves their number as it is."""
    scaling = find(((autoscaler or {}).get("status") or {}).get("conditions") or (), "ScalingActive") or {}
    if scaling.get("status") != "False":
        return Fact("WorkloadAvailable", "True", "Available", message)
    why = scaling.get("message") or scaling.get("reason") or "no reason given"
    return Fact("WorkloadAvailable", "True", "MetricsUnavailable", f"{message}; the autoscaler cannot act: {why}")


def _with_old_pods(cause: Cause, serving: int) -> str:
    return f"{cause.message}; {serving} older pods go on serving" if serving > 0 else cause.message


def _access_accepted(domain: Resource[EcoDomainSpec], refused: Sequence[Refusal]) -> Fact:
    """The worst refusal gives the reason; a peer that is still to come is no fault, nor is a cluster without a mesh."""
    worst_first = sorted(refused, key=lambda refusal: SEVERITY.index(refusal.reason))
    message = "; ".join(map(str, worst_first))
    if access(domain).enforcement == "shadow":
        would = f"enforcement: active would refuse every call but these: {in_words(domain)}"
        return Fact("AccessAccepted", "True", "Shadow", "; ".join(filter(None, ["nothing is blocked", message, would])))
    if not worst_first:
        return Fact("AccessAccepted", "True", "Accepted", "every access rule is in force")
    reason = worst_first[0].reason
    tolerated: dict[str, Truth] = {"PeerMissing": "Unknown", "NotInMesh": "True"}
    return Fact("AccessAccepted", tolerated.get(reason, "False"), reason, message)


def _image(domain: Resource[EcoDomainSpec], seen: Observation) -> str:
    """The image the present pods run, with its digest where their nodes agree on one."""
    template = (seen.deployment or {}).get("spec", {}).get("template", {}).get("spec", {})
    image = next((c["image"] for c in template.get("containers", ()) if c["name"] == APP), domain.spec.image)
    digests = {
        container.get("imageID", "").rpartition("@")[2]
        for pod in newest_pods(seen.replica_sets, seen.pods)
        for container in pod["status"].get("containerStatuses", ())
        if container["name"] == APP
    }
    digest = digests.pop() if len(digests) == 1 else ""
    return f"{image}@{digest}" if digest and "@" not in image else str(image)


def _image_mutable(domain: Resource[EcoDomainSpec]) -> Fact:
    image = domain.spec.image
    if is_mutable(image):
        return Fact(
            "ImageMutable",
            "True",
            "MovingTag",
            f"{image} can change without notice and cannot be rolled back to: use a version tag or a digest",
        )
    return Fact("ImageMutable", "False", "Fixed", "the tag or digest names one image")


def _summary(parts: Sequence[Fact], *, settled: bool) -> list[Fact]:
    """Ready, Reconciling and Stalled from the parts; the first part that is not well gives the reason.

    Args:
        settled: an error of the children needs somebody to act.
    """
    by_type = {fact.type: fact for fact in parts}
    ill = next((fact for fact in parts if fact.status == "False"), None)
    if ill is None:
        return [
            Fact("Ready", "True", "Ready", by_type["WorkloadAvailable"].message),
            Fact("Reconciling", "False", "Done", "nothing to do"),
            Fact("Stalled", "False", "Done", "nothing stands in the way"),
        ]
    stalled = settled if ill.type == "ChildrenApplied" else ill.reason not in _ON_THE_WAY
    flags: tuple[Truth, Truth] = ("False", "True") if stalled else ("True", "False")
    return [
        Fact("Ready", "False", ill.reason, ill.message),
        Fact("Reconciling", flags[0], ill.reason, ill.message),
        Fact("Stalled", flags[1], ill.reason, ill.message if stalled else "nothing stands in the way"),
    ]


def _kept(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.uid and outcome.action != "deleted"]


def _first_port(domain: Resource[EcoDomainSpec]) -> str:
    return domain.spec.ports[0].name if domain.spec.ports else "http"
