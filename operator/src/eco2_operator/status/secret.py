"""The status of an EcoSecretBinding, from what was read and what was applied. Pure.

`Synced` is True when every key has its present value; `Ready` says the same. Values never come here: of each there is
a digest, and the errors hold none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from eco2_operator.build.secret_context import Binding
from eco2_operator.digests import STATUS_LENGTH
from eco2_operator.errors import Eco2Error, SecretError
from eco2_operator.model.status import Status
from eco2_operator.naming import Manifest
from eco2_operator.outcomes import Outcome
from eco2_operator.status.conditions import Fact, Truth, find, merge
from eco2_operator.status.inventory import inventory

WORST_FIRST: Final = (
    "ParameterRefused",
    "CredentialsRefused",
    "RegionUnknown",
    "AccessDenied",
    "ParameterMissing",
    "PropertyMissing",
    "ParameterUnusable",
    "SecretTooLarge",
    "ParameterStoreUnavailable",
)
"""Which of several errors gives the reason: first those that stay until somebody acts."""
TRANSIENT: Final = frozenset(
    {
        "ParameterStoreUnavailable",
        "ApiUnavailable",
        "Conflict",
        "NamespaceGone",
        "WaitingForExternalSecrets",
        "WaitingForSecret",
    }
)
"""Reasons that pass by themselves."""
_TOLD: Final = frozenset(
    {
        "could not get secret data from provider",
        "could not delete orphaned secrets",
        "could not delete secret",
        "could not update secret",
        "could not update secret, target is immutable",
        "failed to take ownership of target secret",
        "target is owned by another ExternalSecret",
    }
)
"""Messages of External Secrets that are repeated: its fixed ones. Any other might quote a value."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What was found in one reconcile."""

    outcomes: Sequence[Outcome]
    """Of the Secret or the ExternalSecret."""
    errors: Mapping[str, SecretError] = field(default_factory=dict)
    """By key: why it has no present value."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """By key: a keyed hash of the value in the live Secret, kept values included (`digests.digest`)."""
    versions: Mapping[str, int] = field(default_factory=dict)
    """By key: the version of the parameter that was read."""
    fetched: bool = False
    """Whether External Secrets fetches the values."""
    external: Manifest | None = None
    """The live ExternalSecret."""


def of_binding(binding: Binding, seen: Observation, *, previous: Mapping[str, Any], now: str) -> Status:
    """The whole status; equal to ``previous`` when nothing changed.

    Args:
        now: RFC 3339 in UTC.
    """
    synced = _synced(binding, seen)
    return {
        "observedGeneration": binding.generation,
        "conditions": merge(
            [*_summary(synced), synced], previous.get("conditions") or (), generation=binding.generation, now=now
        ),
        "inventory": inventory(seen.outcomes, previous),
        "keys": list(_keys(binding, seen, previous, now)),
    }


def _synced(binding: Binding, seen: Observation) -> Fact:
    failed: list[Eco2Error] = [outcome.error for outcome in seen.outcomes if outcome.error is not None]
    told = [*map(str, failed), *_by_error(binding, seen)]
    external = _fetched(binding, seen) if seen.fetched and not failed else None
    if external is not None and external.status == "False":
        told.append(external.message)
    if failed:
        return Fact("Synced", "False", failed[0].reason, "; ".join(told))
    if seen.errors:
        worst = min((error.reason for error in seen.errors.values()), key=_rank)
        return Fact("Synced", "False", worst, "; ".join(told))
    if external is not None:
        return external
    return Fact("Synced", "True", "Synced", f"{len(binding.spec.keys)} keys are as in the parameter store")


def _rank(reason: str) -> int:
    return WORST_FIRST.index(reason) if reason in WORST_FIRST else -1


def _by_error(binding: Binding, seen: Observation) -> Iterator[str]:
    """One sentence for each error and the keys it is about."""
    names: dict[tuple[str, bool], list[str]] = {}
    for key in binding.spec.keys:
        if key.name in seen.errors:
            names.setdefault((str(seen.errors[key.name]), key.name in seen.digests), []).append(key.name)
    for (message, has_value), keys in names.items():
        yield f"{', '.join(keys)}: {message}; {'the last value stays' if has_value else 'there is no value yet'}"


def _fetched(binding: Binding, seen: Observation) -> Fact | None:
    """What External Secrets says; None when it has done its work."""
    if seen.external is None:
        return None if seen.errors else Fact("Synced", "Unknown", "WaitingForExternalSecrets", "it is being made")
    metadata, status = seen.external["metadata"], seen.external.get("status") or {}
    what = f"ExternalSecret {metadata['namespace']}/{metadata['name']}"
    ready = find(status.get("conditions") or (), "Ready") or {}
    if ready.get("status") == "False":
        rest = "the last values stay" if seen.digests else "there are no values yet"
        return Fact("Synced", "False", _reason(ready), f"{what}: {_told(ready, metadata)}; {rest}")
    if ready.get("status") != "True" or not _is_current(metadata, status):
        message = f"{what} waits for External Secrets to fetch it: see that its controller runs"
        return Fact("Synced", "Unknown", "WaitingForExternalSecrets", message)
    lacking = [k.name for k in binding.spec.keys if k.name not in seen.digests and k.name not in seen.errors]
    if lacking:
        message = f"{what} is fetched, but the Secret does not show {', '.join(lacking)} yet"
        return Fact("Synced", "Unknown", "WaitingForSecret", message)
    return None


def _is_current(metadata: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    """Whether the last fetch was for the present spec: ``syncedResourceVersion`` is ``<generation>-<hash>``."""
    fetched = str(status.get("syncedResourceVersion") or "").partition("-")[0]
    return not fetched or fetched == str(metadata.get("generation", fetched))


def _reason(ready: Mapping[str, Any]) -> str:
    reason = str(ready.get("reason") or "")
    return reason if reason.isascii() and reason.isalnum() else "SecretSyncedError"


def _told(ready: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    message = str(ready.get("message") or "")
    where = f"`kubectl -n {metadata['namespace']} describe externalsecret {metadata['name']}` shows why"
    return f"{message}, {where}" if message in _TOLD else f"not ready, {where}"


def _summary(synced: Fact) -> list[Fact]:
    """Ready, Reconciling and Stalled."""
    if synced.status == "True":
        return [
            Fact("Ready", "True", "Ready", synced.message),
            Fact("Reconciling", "False", "Done", "nothing to do"),
            Fact("Stalled", "False", "Done", "nothing stands in the way"),
        ]
    stalled = synced.reason not in TRANSIENT
    flags: tuple[Truth, Truth] = ("False", "True") if stalled else ("True", "False")
    return [
        Fact("Ready", "False", synced.reason, synced.message),
        Fact("Reconciling", flags[0], synced.reason, synced.message),
        Fact("Stalled", flags[1], synced.reason, synced.message if stalled else "nothing stands in the way"),
    ]


def _keys(binding: Binding, seen: Observation, previous: Mapping[str, Any], now: str) -> Iterator[Manifest]:
    """What is known of each key. A time moves only when the hash does."""
    before = {key["name"]: key for key in previous.get("keys") or ()}
    for key in binding.spec.keys:
        if key.name not in seen.digests:
            yield {"name": key.name}
            continue
        old, prefix = before.get(key.name, {}), seen.digests[key.name][:STATUS_LENGTH]
        same = old.get("hashPrefix") == prefix
        entry = {"name": key.name, "hashPrefix": prefix, "lastChanged": old["lastChanged"] if same else now}
        version = seen.versions.get(key.name)
        if version is not None:
            entry["version"] = str(version)
        elif same and "version" in old:
            entry["version"] = old["version"]
        yield entry
