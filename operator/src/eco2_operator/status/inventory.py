"""The inventory of a status: every object that exists for a resource. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from eco2_operator.naming import Manifest
from eco2_operator.outcomes import Outcome


def inventory(outcomes: Sequence[Outcome], previous: Mapping[str, Any]) -> list[Manifest]:
    """The inventory after these outcomes, sorted. An object whose apply failed keeps the entry of the last status."""
    items = {
        (item["group"], item["kind"], item["namespace"], item["name"]): item for item in previous.get("inventory") or ()
    }
    for outcome in outcomes:
        ref = outcome.ref
        place = (ref.group, ref.kind, ref.namespace, ref.name)
        if outcome.action == "deleted" or (outcome.action == "unchanged" and not outcome.uid):
            items.pop(place, None)
        elif outcome.uid:
            items[place] = {
                "group": ref.group,
                "kind": ref.kind,
                "namespace": ref.namespace,
                "name": ref.name,
                "uid": outcome.uid,
            }
    return [items[place] for place in sorted(items)]
