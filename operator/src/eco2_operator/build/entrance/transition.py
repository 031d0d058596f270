"""From one policy to the next without a gap.

Policies and routes reach the gateway apart from each other. While routes change, both sets of rules are in force: one
rule that matches is enough, so what either policy asks about or refuses is asked about or refused.
"""

from typing import Any

from eco2_operator.naming import Manifest


def union(live: Manifest, wanted: Manifest) -> Manifest:
    """The wanted policy with the rules of the live one besides, those first: a second union adds nothing."""
    rules: list[Any] = []
    for rule in [*_rules(live), *_rules(wanted)]:
        if rule not in rules:
            rules.append(rule)
    return {**wanted, "spec": {**wanted["spec"], "rules": rules}}


def _rules(policy: Manifest) -> list[Any]:
    return list((policy.get("spec") or {}).get("rules") or ())
