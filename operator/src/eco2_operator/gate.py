"""A Deployment that keeps its pods: what we last applied to the live one, cut out by our managed fields. Pure.

While a migration has not succeeded, or something the new pods read is missing, new pods must not appear. Everything
else of the Deployment (replicas, labels, rollout fields) goes on being applied.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from eco2_operator.diff import key_of, owned_fields
from eco2_operator.naming import FIELD_MANAGER, Manifest


def keeping_template(desired: Manifest, live: Manifest) -> Manifest:
    """The wanted Deployment with the pod template that was last applied to the live one.

    Where nothing of the template is ours any more (its managed fields were cleared), the live template as a whole is
    kept: applying the new one would start new pods.
    """
    fields = owned_fields(live, manager=FIELD_MANAGER)
    below = fields.get("f:spec", {}).get("f:template")
    template = live["spec"]["template"]
    kept = cut(template, below) if below else template
    return {**desired, "spec": {**desired["spec"], "template": kept}}


def cut(value: Any, fields: Mapping[str, Any]) -> Any:
    """The part of a value that a fieldsV1 set names (KEP-555: ``f:`` a field, ``k:`` a list element by its keys)."""
    members = {name: below for name, below in fields.items() if name != "."}
    if not members:
        return value
    if isinstance(value, Mapping):
        return {
            name: cut(value[name], below)
            for member, below in members.items()
            if (name := member.removeprefix("f:")) in value
        }
    if isinstance(value, list):
        return [kept for item in value for kept in _cut_item(item, members)]
    return value


def _cut_item(item: Any, members: Mapping[str, Any]) -> list[Any]:
    for member, below in members.items():
        sort, _, rest = member.partition(":")
        wanted = orjson.loads(rest)
        if sort == "v" and item == wanted:
            return [item]
        if sort == "k" and isinstance(item, Mapping) and key_of(item, tuple(wanted)) == tuple(wanted.values()):
            return [cut(item, below)]
    return []
