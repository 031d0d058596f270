"""The examples as a kind cluster can run them. Pure.

Images come from this machine under the names the examples have, and are taken as they are on the nodes; a domain that
does not exist yet is stood in for. Such a name stays when its image changes: the image's id is written beside it, so
the pods are replaced.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from eco2_testcluster.examples import Examples

RESTART = "eco2.growbin.app/restart"
"""Another value replaces the pods of an EcoDomain."""
OWN_COMMANDS = ("migrations", "command", "args")
"""What runs a program of the domain's own image."""


def wanted_images(examples: Examples) -> list[str]:
    """The images of the EcoDomains that are meant to work, sorted."""
    return sorted({obj["spec"]["image"] for obj in examples.working if obj["kind"] == "EcoDomain"})


def adapted(examples: Examples, *, ids: Mapping[str, str], placed: bool, standing_in: Collection[str] = ()) -> Examples:
    """The same with the ids of the images.

    Args:
        ids: image ids by reference.
        placed: whether each domain has its own node; otherwise they run on any.
        standing_in: references under which there is a stand-in: it has no schema to bring up, and one command.
    """

    def each(objects: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
        return tuple(_adapted(obj, ids, standing_in, placed=placed) for obj in objects)

    return replace(examples, working=each(examples.working), broken=each(examples.broken))


def _adapted(
    obj: Mapping[str, Any], ids: Mapping[str, str], standing_in: Collection[str], *, placed: bool
) -> dict[str, Any]:
    made = deepcopy(dict(obj))
    if obj["kind"] != "EcoDomain":
        return made
    if identity := ids.get(made["spec"]["image"]):
        made["metadata"].setdefault("annotations", {})[RESTART] = identity
        made["spec"]["imagePullPolicy"] = "IfNotPresent"
    if made["spec"]["image"] in standing_in:
        for field in OWN_COMMANDS:
            made["spec"].pop(field, None)
        if made["spec"].get("health", {}).get("kind") == "exec":
            del made["spec"]["health"]
    if not placed:
        for field in ("node", "nodeSelector", "tolerations"):
            made["spec"].get("placement", {}).pop(field, None)
        if not made["spec"].get("placement", True):
            del made["spec"]["placement"]
    return made
