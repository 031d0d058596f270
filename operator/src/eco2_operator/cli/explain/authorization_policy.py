"""What AuthorizationPolicies say about a request. Pure.

Istio asks in this order: CUSTOM (somebody else decides), DENY, ALLOW. Without an ALLOW policy for the pods everything
passes that is not denied; with one, what no rule allows is refused. Policies on trial (dry-run) refuse nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from eco2_operator.build.authorization_policy import DRY_RUN
from eco2_operator.cli.explain.authorization_rules import Match, Request, matches
from eco2_operator.cli.explain.ends import Pods
from eco2_operator.cli.explain.selectors import matches as selected
from eco2_operator.naming import Manifest


@dataclass(frozen=True, slots=True)
class Decision:
    """What came out."""

    allowed: bool
    deciding: tuple[Manifest, ...] = ()
    """The policy that denies, or the ones that allow; of a refusal because nobody allows, those that could have."""
    denied: bool = False
    """Whether a DENY policy refuses it, as opposed to no ALLOW policy letting it pass."""
    conditions: tuple[str, ...] = ()
    """What must hold of the request besides what was said of it."""
    notes: tuple[str, ...] = field(default=())


def decide(policies: Iterable[Manifest], pods: Pods, request: Request, *, root: str) -> Decision:
    """Whether the proxy of these pods lets a request pass.

    Args:
        root: the mesh's root namespace, whose policies count everywhere.
    """
    mine = [policy for policy in policies if applies(policy, pods, root)]
    live = [policy for policy in mine if not on_trial(policy)]
    decision = _decide(live, request)
    tried = _decide(mine, request)
    notes = [*_custom(live, request), *_perhaps_denied(live, request)]
    if decision.allowed and not tried.allowed:
        notes.append(f"{_names(tried.deciding)} on trial (dry-run) would refuse it")
    return Decision(decision.allowed, decision.deciding, decision.denied, decision.conditions, tuple(notes))


def applies(policy: Manifest, pods: Pods, root: str) -> bool:
    """Whether a policy is about these pods; those with targetRefs are about gateways and waypoints."""
    spec = policy.get("spec") or {}
    if policy["metadata"]["namespace"] not in (pods.namespace, root) or spec.get("targetRefs") or spec.get("targetRef"):
        return False
    return selected(spec.get("selector") or {}, pods.labels)


def on_trial(policy: Manifest) -> bool:
    """Whether Istio only logs what the policy would do."""
    return (policy["metadata"].get("annotations") or {}).get(DRY_RUN) == "true"


def name(policy: Mapping[str, Any]) -> str:
    """How messages name a policy."""
    return f"{policy['kind']} {policy['metadata']['namespace']}/{policy['metadata']['name']}"


def _decide(policies: list[Manifest], request: Request) -> Decision:
    for policy in _of(policies, "DENY"):
        if () in _matches(policy, request, deny=True):
            return Decision(False, (policy,), denied=True)
    allow = _of(policies, "ALLOW")
    if not allow:
        return Decision(True)
    matching = [(policy, found) for policy in allow if (found := _best(policy, request)) is not None]
    if not matching:
        return Decision(False, tuple(allow))
    fewest = min(len(found) for _, found in matching)
    best = [(policy, found) for policy, found in matching if len(found) == fewest]
    return Decision(True, tuple(policy for policy, _ in best), conditions=best[0][1])


def _of(policies: Iterable[Manifest], action: str) -> list[Manifest]:
    return [policy for policy in policies if (policy.get("spec") or {}).get("action", "ALLOW") == action]


def _matches(policy: Manifest, request: Request, *, deny: bool) -> list[Match]:
    own = policy["metadata"]["namespace"]
    return [matches(rule, request, deny=deny, own=own) for rule in (policy.get("spec") or {}).get("rules") or ()]


def _best(policy: Manifest, request: Request) -> tuple[str, ...] | None:
    found = [each for each in _matches(policy, request, deny=False) if each is not None]
    return min(found, key=len, default=None)


def _perhaps_denied(policies: list[Manifest], request: Request) -> Iterable[str]:
    for policy in _of(policies, "DENY"):
        for conditions in _matches(policy, request, deny=True):
            if conditions:
                yield f"{name(policy)} refuses it when {' and '.join(conditions)}"


def asking(policies: Iterable[Manifest], pods: Pods, request: Request, *, root: str) -> list[Manifest]:
    """The policies that have somebody else asked about a request; under some conditions at least."""
    mine = (policy for policy in policies if applies(policy, pods, root) and not on_trial(policy))
    return _asking(mine, request)


def _asking(policies: Iterable[Manifest], request: Request) -> list[Manifest]:
    found = ((policy, _matches(policy, request, deny=True)) for policy in _of(policies, "CUSTOM"))
    return [policy for policy, matching in found if any(each is not None for each in matching)]


def _custom(policies: Iterable[Manifest], request: Request) -> Iterable[str]:
    for policy in _asking(policies, request):
        provider = (policy["spec"].get("provider") or {}).get("name", "(no name)")
        yield f"{name(policy)} lets the provider {provider} decide"


def _names(policies: Iterable[Manifest]) -> str:
    return ", ".join(map(name, policies)) or "a policy"
