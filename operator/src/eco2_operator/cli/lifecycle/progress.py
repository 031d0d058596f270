"""How far a restart or a migration is, from what the cluster says. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from eco2_operator.build.migration import migration_hash
from eco2_operator.cli.status.summary import condition
from eco2_operator.errors import InvalidSpec
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import Resource, parse
from eco2_operator.naming import RESTART_ANNOTATION, Manifest

State = Literal["working", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where it stands."""

    state: State
    text: str


def of_migration(obj: Manifest) -> Progress:
    """The migration of the domain as it is now, its annotations included."""
    domain = _parse(obj)
    if isinstance(domain, Progress):
        return domain
    digest, status = migration_hash(domain), obj.get("status") or {}
    if digest is None:
        return Progress("failed", "the spec declares no migration any more")
    record = status.get("migration") or {}
    if record.get("hash") != digest:
        return Progress("working", f"the operator has not taken up migration {digest[:8]} yet")
    text = _message(status, "MigrationComplete") or f"migration {digest[:8]}: {record.get('state')}"
    states: dict[Any, State] = {"Succeeded": "done", "Failed": "failed"}
    return Progress(states.get(record.get("state"), "working"), text)


def of_restart(obj: Manifest, deployment: Manifest | None) -> Progress:
    """The rollout that the restart annotation of the domain asks for; its migration comes first."""
    domain = _parse(obj)
    if isinstance(domain, Progress):
        return domain
    status = obj.get("status") or {}
    if domain.spec.migrations is not None:
        migration = of_migration(obj)
        if migration.state != "done":
            return migration
    if deployment is None:
        return Progress("working", _message(status, "Ready") or "the Deployment does not exist yet")
    if _mark(deployment) != domain.restart:
        return Progress("working", "the operator has not changed the Deployment yet")
    serving = _rollout(deployment)
    if serving.state != "done":
        return Progress(serving.state, f"{serving.text}: {_message(status, 'Ready') or 'no reason given'}")
    ready = condition(status, "Ready") or {}
    current = (status.get("observedGeneration") or 0) >= obj["metadata"].get("generation", 0)
    if current and ready.get("status") == "True":
        return Progress("done", serving.text)
    return Progress("working", f"{serving.text}, but Ready is {ready.get('status')}: {ready.get('message')}")


def _parse(obj: Manifest) -> Resource[EcoDomainSpec] | Progress:
    try:
        domain = parse(obj, EcoDomainSpec)
    except InvalidSpec as error:
        return Progress("failed", f"the operator does nothing with a faulty spec: {error}")
    return Progress("failed", "suspended: the operator does nothing") if domain.suspended else domain


def _mark(deployment: Manifest) -> str | None:
    metadata = deployment["spec"]["template"].get("metadata") or {}
    found: str | None = (metadata.get("annotations") or {}).get(RESTART_ANNOTATION)
    return found


def _rollout(deployment: Manifest) -> Progress:
    """The same questions as ``kubectl rollout status``."""
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    updated, available = status.get("updatedReplicas") or 0, status.get("availableReplicas") or 0
    text = f"{min(updated, available)} of {wanted} new pods serve"
    if (status.get("observedGeneration") or 0) < deployment["metadata"].get("generation", 0):
        return Progress("working", "the Deployment has just changed")
    if updated >= wanted and available >= wanted and (status.get("replicas") or 0) <= updated:
        return Progress("done", text)
    late = (condition(status, "Progressing") or {}).get("reason") == "ProgressDeadlineExceeded"
    return Progress("failed" if late else "working", text)


def _message(status: Mapping[str, Any], kind: str) -> str:
    return str((condition(status, kind) or {}).get("message") or "")
